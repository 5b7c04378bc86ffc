/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libyaml's events -> tree. The text is checked character by character first, so that what is wrong with an
 * encoding has a line and a column; then each event either becomes a node or is refused. Recursion is bounded
 * by YAML_MAX_DEPTH.
 */
#include "common/yaml.h"

#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

struct loader {
    const char *file;
    struct yaml_error *e;
    yaml_parser_t parser;
};

void yaml_fail(struct yaml_error *e, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
    va_list ap;
    size_t at;

    if (e->text[0])
        return;
    snprintf(e->text, sizeof(e->text), "%.200s:%u:%u: ", file, line, column);
    at = strlen(e->text);
    va_start(ap, fmt);
    vsnprintf(e->text + at, sizeof(e->text) - at, fmt, ap);
    va_end(ap);
    for (char *p = e->text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static void fail_at(struct loader *l, yaml_mark_t mark, const char *text)
{
    yaml_fail(l->e, l->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1, "%s", text);
}

/* One UTF-8 character: returns its length and stores the code point, or 0 when it isn't one. */
static size_t utf8_next(const unsigned char *p, size_t left, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80             ? 1
                 : (p[0] & 0xe0) == 0xc0 ? 2
                 : (p[0] & 0xf0) == 0xe0 ? 3
                 : (p[0] & 0xf8) == 0xf0 ? 4
                                         : 0;

    if (len == 0 || len > left)
        return 0;
    *code = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    if (*code < smallest[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return len;
}

static bool is_allowed(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code <= 0x7e) || code == 0x85 ||
           (code >= 0xa0 && code <= 0xfffd && code != 0xfeff) || code >= 0x10000;
}

/* Refuses what libyaml would refuse without a position, and tabs as indentation, which it takes in some
 * places. */
static bool check_text(struct loader *l, const char *text, size_t len)
{
    unsigned line = 1, column = 1;
    bool indent = true;
    uint32_t code = 0;

    for (size_t i = 0, step; i < len; i += step) {
        step = utf8_next((const unsigned char *)text + i, len - i, &code);
        if (step == 0) {
            yaml_fail(l->e, l->file, line, column, "octet 0x%02x isn't UTF-8, expected UTF-8 text",
                      (unsigned char)text[i]);
            return false;
        }
        if (code == '\t' && indent) {
            yaml_fail(l->e, l->file, line, column, "a tab as indentation, expected spaces");
            return false;
        }
        if (!is_allowed(code)) {
            yaml_fail(l->e, l->file, line, column, "character U+%04X isn't allowed, expected text",
                      (unsigned)code);
            return false;
        }
        indent = code == '\n' || (indent && code == ' ');
        column = code == '\n' ? 1 : column + 1;
        line += code == '\n';
    }
    return true;
}

static bool next_event(struct loader *l, yaml_event_t *event)
{
    const yaml_parser_t *p = &l->parser;

    if (yaml_parser_parse(&l->parser, event))
        return true;
    yaml_fail(l->e, l->file, (unsigned)p->problem_mark.line + 1, (unsigned)p->problem_mark.column + 1,
              "not valid YAML: %s%s%s", p->context ? p->context : "", p->context ? ", " : "",
              p->problem ? p->problem : "out of memory");
    memset(event, 0, sizeof(*event));
    return false;
}

/* Text of a scalar event, owned by the caller; NULL with an error. */
static char *scalar_text(struct loader *l, const yaml_event_t *event)
{
    size_t len = event->data.scalar.length;
    char *text;

    if (memchr(event->data.scalar.value, 0, len)) {
        fail_at(l, event->start_mark, "a NUL character inside the text, expected text");
        return NULL;
    }
    text = malloc(len + 1);
    if (!text) {
        fail_at(l, event->start_mark, "out of memory");
        return NULL;
    }
    memcpy(text, event->data.scalar.value, len);
    text[len] = 0;
    return text;
}

/* Anchors, tags and aliases are refused wherever they stand. */
static bool check_event(struct loader *l, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        fail_at(l, event->start_mark, "an alias (*name) isn't allowed, expected a value");
        return false;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor)
        fail_at(l, event->start_mark, "an anchor (&name) isn't allowed, expected a value");
    else if (tag)
        fail_at(l, event->start_mark, "a tag (!name) isn't allowed, expected a value");
    return !anchor && !tag;
}

/* A zeroed child behind the others; the array doubles whenever n is a power of two. */
static struct yaml_node *add_child(struct loader *l, struct yaml_node *parent)
{
    if ((parent->n & (parent->n - 1)) == 0) {
        struct yaml_node *grown =
            reallocarray(parent->children, parent->n ? parent->n * 2 : 1, sizeof(*grown));

        if (!grown) {
            yaml_fail(l->e, l->file, parent->line, parent->column, "out of memory");
            return NULL;
        }
        parent->children = grown;
    }
    memset(&parent->children[parent->n], 0, sizeof(*parent->children));
    return &parent->children[parent->n++];
}

/* Takes a key event into the new child of a map. */
static bool put_key(struct loader *l, const yaml_event_t *event, const struct yaml_node *map,
                    struct yaml_node *child)
{
    if (!check_event(l, event))
        return false;
    if (event->type != YAML_SCALAR_EVENT) {
        fail_at(l, event->start_mark, "a key is a list or map, expected a word");
        return false;
    }
    child->key = scalar_text(l, event);
    if (!child->key)
        return false;
    child->key_line = (unsigned)event->start_mark.line + 1;
    child->key_column = (unsigned)event->start_mark.column + 1;
    if (map->n > YAML_MAX_KEYS) {
        yaml_fail(l->e, l->file, child->key_line, child->key_column, "a map of more than %d keys",
                  YAML_MAX_KEYS);
        return false;
    }
    for (size_t i = 0; i + 1 < map->n; i++) {
        if (strcmp(map->children[i].key, child->key) == 0) {
            yaml_fail(l->e, l->file, child->key_line, child->key_column,
                      "key '%s' stands twice, expected it once (first on line %u)", child->key,
                      map->children[i].key_line);
            return false;
        }
    }
    return true;
}

static bool put_node(struct loader *l, const yaml_event_t *event, struct yaml_node *node, unsigned depth);

/* The events after a list's or map's start, up to its end. */
static bool put_children(struct loader *l, struct yaml_node *parent, unsigned depth)
{
    yaml_event_type_t end = parent->kind == YAML_LIST ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;

    for (;;) {
        struct yaml_node *child;
        yaml_event_t event;
        bool ok;

        if (!next_event(l, &event))
            return false;
        if (event.type == end) {
            yaml_event_delete(&event);
            return true;
        }
        child = add_child(l, parent);
        if (child && parent->kind == YAML_MAP) {
            ok = put_key(l, &event, parent, child);
            yaml_event_delete(&event);
            if (!ok || !next_event(l, &event))
                return false;
        }
        ok = child && put_node(l, &event, child, depth + 1);
        yaml_event_delete(&event);
        if (!ok)
            return false;
    }
}

static bool put_node(struct loader *l, const yaml_event_t *event, struct yaml_node *node, unsigned depth)
{
    if (!check_event(l, event))
        return false;
    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    if (depth > YAML_MAX_DEPTH) {
        fail_at(l, event->start_mark, "nested too deep, expected at most 32 levels");
        return false;
    }
    if (event->type == YAML_SCALAR_EVENT) {
        node->kind = YAML_SCALAR;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->text = scalar_text(l, event);
        return node->text != NULL;
    }
    node->kind = event->type == YAML_SEQUENCE_START_EVENT ? YAML_LIST : YAML_MAP;
    return put_children(l, node, depth);
}

/* One event of an exact type, at the places where the document's frame needs it. */
static bool expect(struct loader *l, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t event;
    bool ok;

    if (!next_event(l, &event))
        return false;
    ok = event.type == type;
    if (!ok)
        fail_at(l, event.start_mark, otherwise);
    else if (type == YAML_DOCUMENT_START_EVENT && (event.data.document_start.version_directive ||
                                                   event.data.document_start.tag_directives.start !=
                                                       event.data.document_start.tag_directives.end)) {
        fail_at(l, event.start_mark, "a directive (%NAME) isn't allowed, expected the first key");
        ok = false;
    }
    yaml_event_delete(&event);
    return ok;
}

static bool put_document(struct loader *l, struct yaml_node *root)
{
    yaml_event_t event;
    bool ok;

    if (!expect(l, YAML_STREAM_START_EVENT, "no text") ||
        !expect(l, YAML_DOCUMENT_START_EVENT, "nothing in the file, expected keys") || !next_event(l, &event))
        return false;
    ok = put_node(l, &event, root, 1);
    yaml_event_delete(&event);
    return ok && expect(l, YAML_DOCUMENT_END_EVENT, "text behind the document") &&
           expect(l, YAML_STREAM_END_EVENT, "a second document, expected one");
}

struct yaml_node *yaml_parse(const char *file, const char *text, size_t len, struct yaml_error *e)
{
    struct loader l = {.file = file, .e = e};
    struct yaml_node *root = NULL;

    e->text[0] = 0;
    if (len > YAML_MAX_SIZE) {
        yaml_fail(e, file, 1, 1, "the file is too large, expected at most 1 MiB");
        return NULL;
    }
    if (!check_text(&l, text, len))
        return NULL;
    root = calloc(1, sizeof(*root));
    if (!root || !yaml_parser_initialize(&l.parser)) {
        yaml_fail(e, file, 1, 1, "out of memory");
        free(root);
        return NULL;
    }
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)(len ? text : ""), len); /* not NULL */
    if (!put_document(&l, root)) {
        yaml_free_tree(root);
        root = NULL;
    }
    yaml_parser_delete(&l.parser);
    return root;
}

struct yaml_node *yaml_load(const char *file, struct yaml_error *e)
{
    struct yaml_node *root = NULL;
    char *text = malloc(YAML_MAX_SIZE + 1);
    size_t len = 0;
    ssize_t got = 1;
    int fd = -1;

    e->text[0] = 0;
    if (!text) {
        yaml_fail(e, file, 1, 1, "out of memory");
        return NULL;
    }
    fd = open(file, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && got > 0 && len <= YAML_MAX_SIZE) {
        got = read(fd, text + len, YAML_MAX_SIZE + 1 - len);
        if (got > 0)
            len += (size_t)got;
    }
    if (fd < 0 || got < 0)
        yaml_fail(e, file, 1, 1, "can't read the file: %s", strerror(errno));
    else
        root = yaml_parse(file, text, len, e);
    if (fd >= 0)
        close(fd);
    wipe(text, len);
    free(text);
    return root;
}

static void wipe_node(struct yaml_node *n)
{
    for (size_t i = 0; i < n->n; i++)
        wipe_node(&n->children[i]);
    free(n->children);
    if (n->text)
        wipe(n->text, strlen(n->text));
    free(n->text);
    free(n->key);
}

void yaml_free_tree(struct yaml_node *n)
{
    if (!n)
        return;
    wipe_node(n);
    free(n);
}

struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->children[i].key, key) == 0)
            return &map->children[i];
    return NULL;
}
