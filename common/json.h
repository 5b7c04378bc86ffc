/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A streaming JSON writer into a growing buffer. Commas, quoting and escaping are its business; balance is the
 * caller's. A failed allocation is remembered and reported once by json_finish().
 */
#ifndef GVPN_COMMON_JSON_H
#define GVPN_COMMON_JSON_H

#include "common/buf.h"

struct json {
    char *text; /* owned until json_finish() gives it away */
    size_t len, cap;
    bool failed;
    bool need_comma;
    bool after_key;
};

void json_init(struct json *j);
void json_free(struct json *j);
/* Ends the text with NUL and hands it to the caller, who frees it; NULL when memory ran short on the way. */
char *json_finish(struct json *j);

/* Begin and end a level; bracket is one of { } [ ]. The names below are the ones to use. */
void json_begin(struct json *j, char bracket);
void json_end(struct json *j, char bracket);
void json_put_string(struct json *j, const char *s);
void json_put_null(struct json *j);

/*
 * libjansson has functions of these names, and gvpnctl links it together with this library. Inline, ours leave no symbol;
 * a file can include one of the two headers, not both.
 */
static inline void json_object(struct json *j)
{
    json_begin(j, '{');
}

static inline void json_array(struct json *j)
{
    json_begin(j, '[');
}

/* NULL writes null; bytes that aren't UTF-8 become U+FFFD. */
static inline void json_string(struct json *j, const char *s)
{
    json_put_string(j, s);
}

static inline void json_null(struct json *j)
{
    json_put_null(j);
}

static inline void json_end_object(struct json *j)
{
    json_end(j, '}');
}

static inline void json_end_array(struct json *j)
{
    json_end(j, ']');
}

void json_key(struct json *j, const char *key);
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_double(struct json *j, double v, int decimals); /* 0 to 17 decimals; NaN and infinities write null */
void json_bool(struct json *j, bool v);

/* "key": value in one call. */
void json_kv_string(struct json *j, const char *key, const char *s);
void json_kv_u64(struct json *j, const char *key, uint64_t v);
void json_kv_i64(struct json *j, const char *key, int64_t v);
void json_kv_bool(struct json *j, const char *key, bool v);
void json_kv_null(struct json *j, const char *key);

#endif
