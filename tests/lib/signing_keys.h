/* SPDX-License-Identifier: BSD-3-Clause */
/* Signing keys for tests, and a file of one of them. They protect nothing. */
#ifndef GVPN_TESTS_LIB_SIGNING_KEYS_H
#define GVPN_TESTS_LIB_SIGNING_KEYS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char signing_key_rsa_2048[] __attribute__((unused)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDGylyh27GYOQIQ\n"
    "U44E40Tx9lyNE5sCucCMl8GxZv61dIPMRRDuxIlkGF68X3S5Y28MuCYkLqVqBKIT\n"
    "gBhH9XNOBmDuBFv/MUUiP29BKeo0BXjZanGFR8UPi/oCFgKRrXqmw5g4p+YY67Ed\n"
    "j0RTOzSFt3fK/C642CCo4E/JGSaIuXTd+B8K///EQzyZYIeaHKwUTBJp+kB5ko+t\n"
    "uLUvxTG+ri9JwXeAhlgYnU6tTJ72/6gQIVNytBX7f1lNwsMSsjKWuZ5q8r6CiMTH\n"
    "S2PVNd1bDq1F76jOIBKTcW0j0U6Bwxi/DrKZ/bdHbHsOBqKzR29mMmPWqMqLfMb5\n"
    "auP0MCgXAgMBAAECggEAAk24BNwlb0II+N12Hi7TldDh0B9eX0K2rUbY696UOpcu\n"
    "8uqzToggu3QY15xs5mbY6Ox9Xm/38TCuHCG9UPV9FARHINPbcCt/4ey3XsYN50ik\n"
    "8xZBBPVeEDqc6WO4klhCZ+3eUV/6fPT/IW46Iz4bndCeymvvsqsaDAIMiqQkv2Sd\n"
    "Eo65djwl6SfxENCZDvS/dRP+0BbtOBpbKrnZBnsZp/22076koiHxsbTlTTD8QtiM\n"
    "gHjd2eAt0v7ggE12a29lI+YXCc1bNnQPMvZV/FFTZ0/gEupxSFFEkETpU/kxSycv\n"
    "//wsaTERxeT0XBEQRq2NwCBQ0H1PfJa2oaKx3lSUiQKBgQD8gjW10hQnvSNMVT46\n"
    "+JBonDFeXFVk5NRBsolZ3OKna7fbzBnu/03DFLjpVzrlJgdG/myLjPNDbA5x1kjM\n"
    "YxuQBbdR/xx6WB8zEbOV/IZfC/qE4lIda48Xo9F+UwCSUpScBarIx9y3Xe+jlIYt\n"
    "KtXknOqvEvf7tbQyxRZoLh3oLQKBgQDJigJNLspPhE8rJsVX1JamG4O5dJ5i7ko3\n"
    "vj3vdQA7mhNNV+3lDhRFuthCBmHWfPyk5Ey8fGJaAtN3V81knHlp/IAEK7toEtY6\n"
    "lVoPPvsFMQV1PaZkSexVeCKiX3P7s96oczeoo7+XzSbWAbrsDPBxUBfcC3LKrJdd\n"
    "XbgqrTzX0wKBgQDkTP4u1DAw9csSWwgW3WIDkyT3wdfbjyFx/PA+dX3gDX6Alfrk\n"
    "oaQ3O2csYhf30vhFcgfF7LyNOwecWTgcw4bKIsDqvBONcltTGzAZ7eW3zebFerLv\n"
    "sq3/m7fv1S/xHAUNQ/pz6nBewenHJqRh9hbJyi5N+IKJ7HFubc+ihf+4SQKBgQC0\n"
    "zMtdxHEYPsDrHEADmCKB58MXF6iTZeRM960GabcIwSM5yn0PdL75AzLIoIMa8UuQ\n"
    "/YJdwVRWHZzpvmnzLXC6hRuvIjBgoC1xptSBQuXcdWrJD8J6y9ppnnmrougg0O8Z\n"
    "vSscbbIOk6uYZzryUnVNoiWVcOvNKGIuD0qNdpZTowKBgFxQThj3mbV6Zn6bZ1e3\n"
    "FZrHyxNEwnigw454A/b5cL6pXut+/MfHfjAFoPCWUFtDqnCKLMcUi8GSPzY9IUUY\n"
    "Srziih4sFHl7nqtdnkjKouFDcE5DAi01BbuYw7YdrMPznnDu4L9oipf+n1BlS9EH\n"
    "t/R0xjpmeBQz2macX03Zbg1X\n"
    "-----END PRIVATE KEY-----\n";

static const char signing_key_rsa_1024[] __attribute__((unused)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAO1j/3vuHu35VG90\n"
    "vDuWqMAUm2w3BPxQ+jBVO9lhP2yumCD/A3ezCsW5cTvEkL9DMJt1waMF2eoX9B9z\n"
    "qG91Cd5tufkxq2IGXaKuwwKOusK6R/YYZYGespBgw0/Qsk3k8DLdOCsT63kz5LEi\n"
    "iiWKB3MFuDccvuu3JJlPQIFW5hKPAgMBAAECgYAm9Bu+OEq2/gzO5TbmCEjUjA0c\n"
    "6sJUrO0A9VuGxiBkMxoff/kPsT95Rn7AMfcWi230dJQ7rgAeG6QhbRccgvYFSsv4\n"
    "hS2AF8YycPLsAJscbpPqGcuTQtgH8agN9BJL4VJ5ZT/O6diKINdI2XiuUdNjAeKB\n"
    "n8VNBD7qogOji+gy4QJBAPvELZ5PGzlONYj74jTjlz2SKR4zDdcTqU4sUqqwrssy\n"
    "i8vgaRJwxc32FZzrdcj+whGZ3SGMHJW3CEv7aGgU4qkCQQDxYe8pJEG5V725bqTc\n"
    "gQSxN0jFT1OV1lmI8uLE+IdyhoC/hRQwb5uz+qkGdtd/Gc+hw7afw8+eErSOMKKu\n"
    "EsZ3AkBx7RwXfwR6sgFXs2NxO2u82N7yY3fn02XRkgz2YG04Ve8cmrfxOEbKJIkz\n"
    "MPljsqRvAokmHRjyRpjiiSl9r7XBAkB09kt42ASw1n8sNxzTbADmDi/Iy+Nom3DP\n"
    "F0Iix3p6WApSwx1BSxNbZn44j6VkBRHDBJ6dU7hqlA3BSHfLeXWJAkBuW//E7F48\n"
    "bTCayDAYHYuxkO32bpAHj/xniJvZy7oIXpv/voNxvZFvnbCGiP/M2ah/qrHI4QGA\n"
    "V2LYQNxQjo2D\n"
    "-----END PRIVATE KEY-----\n";

static const char signing_key_p256[] __attribute__((unused)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGkkJ15uva3LuRl1M\n"
    "APxqSm/udYm2sI/APz5vuUQO8nWhRANCAATdND4cDJkIkv6QY2/qRnVxKo2Gr6rl\n"
    "XquN1ECu+2azHMMtutlZj81xkXnl9fZFyMZcnUcH42o9b17mWAKhJGdq\n"
    "-----END PRIVATE KEY-----\n";

static const char signing_key_p256_other[] __attribute__((unused)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5EFqmg8rV7oJCS+J\n"
    "D9tp27kMMAhsSNSz/rnlq4Qkfj2hRANCAAQ7SYCjUzGdfPpVu9YXgiCJw4lzo+Fn\n"
    "ALKucT6vhOMCLSkvCNJIUpvm6IdWLQkUf+W/U2PUehJPpHKWWoMknEpM\n"
    "-----END PRIVATE KEY-----\n";

static const char signing_key_p384[] __attribute__((unused)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAVqD1Fkx0OxpDZ4c9m\n"
    "YUCgT6wrsOarSqMQiQdLiq2Vl77wUSplZwhkjKvQ+wj8tQ6hZANiAASBKTMIzCMt\n"
    "egWWoEjqRO+ICPt2GYquQz0ZRl8d+M/K0L9wcSasiUdrmoPF9UL7uoiJPr3XczrO\n"
    "02Bv9yUliQ/UL19mWoJF6OSbdrxFFcFLuIHc3KMM9l7RXF0FnUMH2Tc=\n"
    "-----END PRIVATE KEY-----\n";

/* Writes a key to a new file, mode 0600, and its name to path; the caller unlinks it. False when that failed. */
static inline bool signing_key_file(const char *pem, char path[64])
{
    size_t len = strlen(pem);
    FILE *f;
    bool ok;
    int fd;

    strcpy(path, "/tmp/signing_key_test.XXXXXX");
    fd = mkstemp(path);
    f = fd >= 0 ? fdopen(fd, "w") : NULL;
    ok = f && fwrite(pem, 1, len, f) == len;
    return f && fclose(f) == 0 && ok;
}

#endif
