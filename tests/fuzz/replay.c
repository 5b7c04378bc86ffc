/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over every file of a folder, each in a heap buffer of exactly its size. An empty folder fails. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>

/* Largest committed input. */
#define INPUT_MAX 65536

static int run_file(const char *path)
{
    static uint8_t all[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(all, 1, sizeof(all), f);
    fclose(f);
    uint8_t *data = size > 0 ? malloc(size) : NULL;
    if (size > 0 && data == NULL)
        return 1;
    if (size > 0)
        memcpy(data, all, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (dir == NULL) {
        perror(argv[1]);
        return 1;
    }
    int failed = 0, files = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        failed |= run_file(path);
        files++;
    }
    closedir(dir);
    printf("%d inputs\n", files);
    return failed || files == 0;
}
