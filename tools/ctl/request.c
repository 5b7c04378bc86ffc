/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to gvpnd: connect, send the words, read exit code and document. */
#include "tools/ctl/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (16u << 20)
#define WAIT_S     10

static bool no_answer(int *code, json_t **document, int why, json_t *text)
{
    *code = why;
    *document = json_pack("{s:o}", "error", text);
    return false;
}

/* Returns the descriptor, or -1 with *why. */
static int connect_to(const char *path, json_t **why)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = WAIT_S};
    int fd;

    if (strlen(path) >= sizeof(sun.sun_path)) {
        *why = json_sprintf("socket path %s is too long", path);
        return -1;
    }
    strcpy(sun.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
        *why = json_sprintf("gvpnd can't be reached at %s: %s; is it running with this run directory?", path,
                            strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    return fd;
}

static int send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n <= 0)
            return -1;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Reads to the end; NULL when it broke off or is unreasonably long. */
static char *read_all(int fd)
{
    size_t len = 0, cap = 1 << 16;
    char *text = malloc(cap);

    while (text) {
        ssize_t n = recv(fd, text + len, cap - len - 1, 0);

        if (n == 0) {
            text[len] = '\0';
            return text;
        }
        if (n < 0 || len + (size_t)n >= ANSWER_MAX)
            break;
        len += (size_t)n;
        if (cap - len < 2) {
            char *grown = realloc(text, cap *= 2);

            if (!grown)
                break;
            text = grown;
        }
    }
    free(text);
    return NULL;
}

static bool sendable(const char *word)
{
    return word[0] && !strchr(word, '\n');
}

bool request_send(const char *socket_path, char *const *words, int n_words, int *code, json_t **document)
{
    json_t *why = NULL;
    char *answer, *body;
    bool cut_short;
    int fd;

    for (int i = 0; i < n_words; i++)
        if (!sendable(words[i]))
            return no_answer(code, document, CTL_USAGE, json_string("a word of the command is empty or has a line break"));
    fd = connect_to(socket_path, &why);
    if (fd < 0)
        return no_answer(code, document, CTL_UNREACHABLE, why);
    for (int i = 0; i < n_words; i++)
        if (send_all(fd, words[i], strlen(words[i])) < 0 || send_all(fd, "\n", 1) < 0)
            break; /* the answer, or its absence, says why */
    (void)send_all(fd, "\n", 1);
    answer = read_all(fd);
    close(fd);
    body = answer ? strchr(answer, '\n') : NULL;
    *document = body ? json_loads(body + 1, 0, NULL) : NULL;
    *code = body ? atoi(answer) : CTL_UNREACHABLE;
    cut_short = answer != NULL;
    free(answer);
    if (*document)
        return true;
    return no_answer(code, document, cut_short ? CTL_FAILURE : CTL_UNREACHABLE, json_string("gvpnd gave no whole answer"));
}
