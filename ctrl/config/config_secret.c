/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pre-shared keys: written in the file itself, or the content of another file less one newline. That file, and any other
 * that holds a secret, must be a regular one that others can't touch: no rights for everybody, no write right for its group.
 */
#include "ctrl/config/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PSK_SHORT 32 /* octets: below this `check` warns */

/* Relative names count from the configuration file's folder. */
static bool open_beside(const char *config, const char *name, int *fd)
{
    const char *slash = strrchr(config, '/');
    char path[2 * CONFIG_MAX_TEXT];
    int dir_len = name[0] == '/' || !slash ? 0 : (int)(slash - config) + 1;

    snprintf(path, sizeof(path), "%.*s%s", dir_len, config, name);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return *fd >= 0;
}

/* Up to cap octets of an open file; -1 on error. */
static ssize_t read_all(int fd, uint8_t *out, size_t cap)
{
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0 && len < cap) {
        got = read(fd, out + len, cap - len);
        if (got > 0)
            len += (size_t)got;
    }
    return got < 0 ? -1 : (ssize_t)len;
}

static bool check_len(struct schema *s, const struct yaml_node *n, size_t len)
{
    if (len < CONFIG_PSK_MIN)
        return schema_fail(s, n, "%zu octets, expected at least %d", len, CONFIG_PSK_MIN);
    if (len > SECRET_MAX)
        return schema_fail(s, n, "too long, expected at most %d octets", SECRET_MAX);
    if (len < PSK_SHORT)
        return loader_lint(s, n, "%s: %zu octets are short for a pre-shared key, better at least %d", n->key,
                           len, PSK_SHORT);
    return true;
}

bool config_secret_file(struct schema *s, const struct yaml_node *n, uint8_t *out, size_t cap, size_t *len)
{
    const char *name = schema_text(s, n, CONFIG_MAX_TEXT - 1);
    struct stat st;
    bool ok = false;
    ssize_t got;
    int fd = -1;

    if (!name)
        return false;
    if (!open_beside(s->file, name, &fd) || fstat(fd, &st) != 0) {
        schema_fail_key(s, n, "can't read '%s': %s, expected a file that holds the secret", name,
                        strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        schema_fail_key(s, n, "'%s' isn't a regular file", name);
        goto out;
    }
    if (st.st_mode & (S_IRWXO | S_IWGRP)) {
        schema_fail_key(s, n, "others may use '%s' (mode %04o), expected mode 0600 or 0640", name,
                        (unsigned)st.st_mode & 07777);
        goto out;
    }
    got = read_all(fd, out, cap);
    if (got < 0) {
        schema_fail_key(s, n, "can't read '%s': %s", name, strerror(errno));
        goto out;
    }
    *len = (size_t)got;
    ok = true;
out:
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool read_file(struct schema *s, const struct yaml_node *n, struct secret *out)
{
    uint8_t bytes[SECRET_MAX + 2];
    size_t len = 0;
    bool ok = config_secret_file(s, n, bytes, sizeof(bytes), &len);

    if (ok && len > 0 && bytes[len - 1] == '\n')
        len--;
    ok = ok && check_len(s, n, len) && secret_set(out, bytes, len);
    wipe(bytes, sizeof(bytes));
    return ok;
}

bool config_secret_parse(struct schema *s, const struct yaml_node *map, struct secret *out)
{
    const struct yaml_node *text = yaml_find(map, "secret"), *file = yaml_find(map, "secret-file");

    if (text && file)
        return schema_fail_key(s, file, "stands beside secret, expected one of the two");
    if (file)
        return read_file(s, file, out);
    if (!text)
        return schema_fail(s, map, "no secret, expected the key 'secret-file' or 'secret'");
    if (!schema_kind(s, text, YAML_SCALAR) || !check_len(s, text, strlen(text->text)))
        return false;
    loader_of(s)->inline_secret = true;
    return secret_set(out, text->text, strlen(text->text));
}
