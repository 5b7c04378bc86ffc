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

void json_object(struct json *j); /* { */
void json_end_object(struct json *j);
void json_array(struct json *j); /* [ */
void json_end_array(struct json *j);
void json_key(struct json *j, const char *key);
void json_string(struct json *j, const char *s); /* NULL writes null; bytes that aren't UTF-8 become U+FFFD */
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_double(struct json *j, double v, int decimals); /* 0 to 17 decimals; NaN and infinities write null */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);

/* "key": value in one call. */
void json_kv_string(struct json *j, const char *key, const char *s);
void json_kv_u64(struct json *j, const char *key, uint64_t v);
void json_kv_i64(struct json *j, const char *key, int64_t v);
void json_kv_bool(struct json *j, const char *key, bool v);
void json_kv_null(struct json *j, const char *key);

#endif
