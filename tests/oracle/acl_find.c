/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The C half of acl_find_test.py: reads lines, answers lines, decides nothing itself.
 *     permit ... | deny ...                 appends to the list; answers the number of entries made, 0 = refused
 *     ? SRC DST PROTO KIND SPORT DPORT      answers the number of the entry that matches from 1, 0 = none
 *     !                                     empties the list; answers nothing
 * KIND: 0 ports, 1 no ports, 2 later fragment.
 */
#include "common/acl.h"

#include <stdio.h>
#include <string.h>

static void add(struct acl *list, const char *line)
{
    struct acl_entry e[2];
    const char *error;
    size_t column, n = acl_parse_entry(line, e, &error, &column);
    for (size_t i = 0; i < n; i++)
        if (!acl_append(list, &e[i]))
            n = 0;
    printf("%zu\n", n);
}

static bool ask(const struct acl *list, const char *line)
{
    char src[64], dst[64];
    unsigned proto, kind, sport, dport;
    struct flow f = {0};
    if (sscanf(line, "? %63s %63s %u %u %u %u", src, dst, &proto, &kind, &sport, &dport) != 6 ||
        !addr_parse(src, &f.src) || !addr_parse(dst, &f.dst))
        return false;
    f.proto = (uint8_t)proto;
    f.ports = kind == 0 ? FLOW_PORTS : kind == 1 ? FLOW_NO_PORTS : FLOW_LATER_FRAGMENT;
    f.sport = (uint16_t)sport;
    f.dport = (uint16_t)dport;
    const struct acl_entry *e = acl_find(list, &f);
    printf("%zu\n", e != NULL ? (size_t)(e - list->entries) + 1 : 0);
    return true;
}

int main(void)
{
    struct acl list = {0};
    char line[512];
    bool ok = true;
    while (ok && fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '!')
            acl_free(&list);
        else if (line[0] == '?')
            ok = ask(&list, line);
        else
            add(&list, line);
    }
    acl_free(&list);
    return ok ? 0 : 1;
}
