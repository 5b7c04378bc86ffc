/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ISAKMP (RFC 2408): the header, the chain of payloads, and the numbers. Bytes become values and values bytes; nothing
 * here has a clock, a socket, a key or a heap. The bodies of payloads are in the other files of this folder and in
 * ctrl/gdoi. A decoder either fills its output or says what is wrong; it never does both.
 */
#ifndef GVPN_CTRL_ISAKMP_ISAKMP_H
#define GVPN_CTRL_ISAKMP_ISAKMP_H

#include "common/buf.h"
#include "common/names.h"

#define ISAKMP_HEADER_LEN     28
#define ISAKMP_GENERIC_LEN    4 /* generic payload header */
#define ISAKMP_COOKIE_LEN     8
#define ISAKMP_VERSION        0x10
#define ISAKMP_MAX_PAYLOADS   32    /* in one message; the longest we know has 15 */
#define ISAKMP_MAX_MESSAGE    65507 /* the most that fits one UDP datagram */
#define ISAKMP_MAX_PADDING    256   /* octets behind the last payload; RFC 2409 needs at most one block */
#define ISAKMP_NEXT_OFFSET    16    /* of the header's Next Payload */
#define ISAKMP_FLAGS_OFFSET   19
#define ISAKMP_LENGTH_OFFSET  24

enum isakmp_flag { ISAKMP_FLAG_ENCRYPTED = 0x01, ISAKMP_FLAG_COMMIT = 0x02, ISAKMP_FLAG_AUTH_ONLY = 0x04 };

/* RFC 2408 3.1, RFC 6407 8.1; those that nothing here reads have names only, for logs. */
enum isakmp_payload_type {
    ISAKMP_PAYLOAD_NONE = 0,
    ISAKMP_PAYLOAD_SA = 1,
    ISAKMP_PAYLOAD_PROPOSAL = 2,
    ISAKMP_PAYLOAD_TRANSFORM = 3,
    ISAKMP_PAYLOAD_KE = 4,
    ISAKMP_PAYLOAD_ID = 5,
    ISAKMP_PAYLOAD_CERT = 6,
    ISAKMP_PAYLOAD_CR = 7,
    ISAKMP_PAYLOAD_HASH = 8,
    ISAKMP_PAYLOAD_SIG = 9,
    ISAKMP_PAYLOAD_NONCE = 10,
    ISAKMP_PAYLOAD_NOTIFY = 11,
    ISAKMP_PAYLOAD_DELETE = 12,
    ISAKMP_PAYLOAD_VID = 13,
    ISAKMP_PAYLOAD_SAK = 15,
    ISAKMP_PAYLOAD_SAT = 16,
    ISAKMP_PAYLOAD_KD = 17,
    ISAKMP_PAYLOAD_SEQ = 18,
    ISAKMP_PAYLOAD_NAT_D = 20,
    ISAKMP_PAYLOAD_NAT_OA = 21,
    ISAKMP_PAYLOAD_GAP = 22,
};

enum isakmp_exchange {
    ISAKMP_EXCHANGE_MAIN = 2,
    ISAKMP_EXCHANGE_AGGRESSIVE = 4,
    ISAKMP_EXCHANGE_INFORMATIONAL = 5,
    ISAKMP_EXCHANGE_GROUPKEY_PULL = 32, /* Quick Mode's number too */
    ISAKMP_EXCHANGE_GROUPKEY_PUSH = 33,
    ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK = 35,
};

enum isakmp_doi { ISAKMP_DOI_ISAKMP = 0, ISAKMP_DOI_IPSEC = 1, ISAKMP_DOI_GDOI = 2 };

/* RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706, and our private ones (docs/exchanges.md). */
enum isakmp_notify_type {
    ISAKMP_N_INVALID_PAYLOAD_TYPE = 1,
    ISAKMP_N_DOI_NOT_SUPPORTED = 2,
    ISAKMP_N_SITUATION_NOT_SUPPORTED = 3,
    ISAKMP_N_INVALID_COOKIE = 4,
    ISAKMP_N_INVALID_MAJOR_VERSION = 5,
    ISAKMP_N_INVALID_MINOR_VERSION = 6,
    ISAKMP_N_INVALID_EXCHANGE_TYPE = 7,
    ISAKMP_N_INVALID_FLAGS = 8,
    ISAKMP_N_INVALID_MESSAGE_ID = 9,
    ISAKMP_N_INVALID_PROTOCOL_ID = 10,
    ISAKMP_N_INVALID_SPI = 11,
    ISAKMP_N_INVALID_TRANSFORM_ID = 12,
    ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED = 13,
    ISAKMP_N_NO_PROPOSAL_CHOSEN = 14,
    ISAKMP_N_BAD_PROPOSAL_SYNTAX = 15,
    ISAKMP_N_PAYLOAD_MALFORMED = 16,
    ISAKMP_N_INVALID_KEY_INFORMATION = 17,
    ISAKMP_N_INVALID_ID_INFORMATION = 18,
    ISAKMP_N_INVALID_HASH_INFORMATION = 23,
    ISAKMP_N_AUTHENTICATION_FAILED = 24,
    ISAKMP_N_UNSUPPORTED_EXCHANGE_TYPE = 29,
    ISAKMP_N_UNEQUAL_PAYLOAD_LENGTHS = 30,
    ISAKMP_N_REFUSED = 8192, /* ours: reason 2 | missing features 8 | UTF-8 text */
    ISAKMP_N_RESPONDER_LIFETIME = 24576,
    ISAKMP_N_REPLAY_STATUS = 24577,
    ISAKMP_N_INITIAL_CONTACT = 24578,
    ISAKMP_N_LEAVE = 32770, /* ours: body of an ID payload that names the group */
    ISAKMP_N_R_U_THERE = 36136,
    ISAKMP_N_R_U_THERE_ACK = 36137,
};

/*
 * What is wrong with bytes: X(name, notify type to answer with, sentence). The sentence names the payload and the rule;
 * it holds nothing of the message, so it may go into any log.
 */
#define ISAKMP_ERRORS(X)                                                                                               \
    X(HEADER_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "datagram is shorter than an ISAKMP header")                           \
    X(HEADER_LENGTH, ISAKMP_N_UNEQUAL_PAYLOAD_LENGTHS, "header length differs from the datagram's")                    \
    X(HEADER_MAJOR, ISAKMP_N_INVALID_MAJOR_VERSION, "header has a major version other than 1")                         \
    X(HEADER_MINOR, ISAKMP_N_INVALID_MINOR_VERSION, "header has a minor version other than 0")                         \
    X(HEADER_FLAGS, ISAKMP_N_INVALID_FLAGS, "header has undefined flags")                                              \
    X(HEADER_COOKIE, ISAKMP_N_INVALID_COOKIE, "header has an initiator cookie of zero")                                \
    X(PAYLOAD_TYPE, ISAKMP_N_INVALID_PAYLOAD_TYPE, "payload type is not one of IKEv1 or GDOI")                         \
    X(PAYLOAD_LENGTH, ISAKMP_N_PAYLOAD_MALFORMED, "payload length is below 4 or beyond the message")                   \
    X(PAYLOAD_RESERVED, ISAKMP_N_PAYLOAD_MALFORMED, "payload header has a nonzero reserved octet")                     \
    X(PAYLOAD_COUNT, ISAKMP_N_PAYLOAD_MALFORMED, "message has too many payloads or none")                              \
    X(TRAILING, ISAKMP_N_PAYLOAD_MALFORMED, "octets stand after the last payload")                                     \
    X(ATTR_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "attribute goes beyond its payload")                                     \
    X(ATTR_TWICE, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "attribute stands twice")                                         \
    X(ATTR_COUNT, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "too many attributes")                                            \
    X(ATTR_UNKNOWN, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "attribute is unknown")                                         \
    X(ATTR_VALUE, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "attribute has a value or length that it can't have")             \
    X(SA_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "SA payload is too short")                                                 \
    X(SA_DOI, ISAKMP_N_DOI_NOT_SUPPORTED, "SA payload is of another DOI")                                              \
    X(SA_SITUATION, ISAKMP_N_SITUATION_NOT_SUPPORTED, "SA payload has another situation")                              \
    X(PROPOSAL_COUNT, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "SA payload doesn't hold exactly one proposal")                    \
    X(PROPOSAL_SHORT, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "proposal is cut short or too long")                               \
    X(PROPOSAL_RESERVED, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "proposal has a nonzero reserved octet")                        \
    X(PROPOSAL_PROTOCOL, ISAKMP_N_INVALID_PROTOCOL_ID, "proposal is not for ISAKMP")                                   \
    X(PROPOSAL_SPI, ISAKMP_N_INVALID_SPI, "proposal has an SPI longer than 16 octets")                                 \
    X(TRANSFORM_COUNT, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "proposal's transform count is wrong or too large")               \
    X(TRANSFORM_SHORT, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "transform is cut short")                                         \
    X(TRANSFORM_RESERVED, ISAKMP_N_BAD_PROPOSAL_SYNTAX, "transform has a nonzero reserved octet")                      \
    X(KE_LENGTH, ISAKMP_N_INVALID_KEY_INFORMATION, "KE payload has a wrong length")                                    \
    X(NONCE_LENGTH, ISAKMP_N_PAYLOAD_MALFORMED, "nonce is not 8 to 128 octets long")                                   \
    X(HASH_LENGTH, ISAKMP_N_INVALID_HASH_INFORMATION, "HASH payload has a wrong length")                               \
    X(ID_SHORT, ISAKMP_N_INVALID_ID_INFORMATION, "ID payload is too short")                                            \
    X(ID_TYPE, ISAKMP_N_INVALID_ID_INFORMATION, "ID payload has an unknown type")                                      \
    X(ID_LENGTH, ISAKMP_N_INVALID_ID_INFORMATION, "ID payload's data has a length that its type can't have")           \
    X(ID_PORT, ISAKMP_N_INVALID_ID_INFORMATION, "ID payload has a protocol or port that it can't have")                \
    X(NOTIFY_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "notification payload is too short for its SPI")                       \
    X(NOTIFY_DOI, ISAKMP_N_DOI_NOT_SUPPORTED, "notification payload is of another DOI")                                \
    X(DELETE_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "delete payload is too short")                                         \
    X(DELETE_DOI, ISAKMP_N_DOI_NOT_SUPPORTED, "delete payload is of another DOI")                                      \
    X(DELETE_PROTOCOL, ISAKMP_N_INVALID_PROTOCOL_ID, "delete payload is for an unknown protocol")                      \
    X(DELETE_SPIS, ISAKMP_N_PAYLOAD_MALFORMED, "delete payload's SPI count times size differs from what it holds")     \
    X(DELETE_SPI_SIZE, ISAKMP_N_INVALID_SPI, "delete payload's SPI size doesn't fit its protocol")                     \
    X(GDOI_SA_RESERVED, ISAKMP_N_PAYLOAD_MALFORMED, "GDOI SA payload has a nonzero reserved field")                    \
    X(GDOI_SA_ORDER, ISAKMP_N_PAYLOAD_MALFORMED, "GDOI SA attribute payloads stand in a wrong order or twice")         \
    X(GDOI_SA_TYPE, ISAKMP_N_INVALID_PAYLOAD_TYPE, "GDOI SA payload holds something other than SAK, GAP and SAT")      \
    X(GDOI_SA_EMPTY, ISAKMP_N_PAYLOAD_MALFORMED, "GDOI SA payload holds neither KEK nor TEK")                          \
    X(SAK_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "SAK payload is too short")                                               \
    X(SAK_PROTOCOL, ISAKMP_N_INVALID_PROTOCOL_ID, "SAK payload is for a protocol other than UDP")                      \
    X(SAK_END, ISAKMP_N_INVALID_ID_INFORMATION, "SAK payload has a source or destination that isn't one address")      \
    X(SAK_RESERVED, ISAKMP_N_PAYLOAD_MALFORMED, "SAK payload has a nonzero reserved field")                            \
    X(SAK_SPI, ISAKMP_N_INVALID_SPI, "SAK payload has an initiator cookie of zero")                                    \
    X(SAK_MISSING, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED,                                                                  \
      "SAK payload lacks its cipher, key length, signature or hash, or they don't fit each other")                     \
    X(SAT_COUNT, ISAKMP_N_PAYLOAD_MALFORMED, "too many SAT payloads")                                                  \
    X(SAT_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "SAT payload is too short")                                               \
    X(SAT_PROTOCOL, ISAKMP_N_INVALID_PROTOCOL_ID, "SAT payload is for a protocol other than ESP")                      \
    X(SAT_SELECTOR, ISAKMP_N_INVALID_ID_INFORMATION, "SAT payload has a source or destination that can't be used")     \
    X(SAT_SPI, ISAKMP_N_INVALID_SPI, "SAT payload has a reserved SPI")                                                 \
    X(SAT_MISSING, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "SAT payload lacks a lifetime or an encapsulation mode")         \
    X(KD_SHORT, ISAKMP_N_PAYLOAD_MALFORMED, "KD payload or one of its key packets is cut short")                       \
    X(KD_RESERVED, ISAKMP_N_PAYLOAD_MALFORMED, "KD payload has a nonzero reserved field")                              \
    X(KD_COUNT, ISAKMP_N_PAYLOAD_MALFORMED, "KD payload's packet count is wrong or too large")                         \
    X(KD_TYPE, ISAKMP_N_INVALID_PAYLOAD_TYPE, "KD payload holds a key packet of unknown type")                         \
    X(KD_KEK, ISAKMP_N_INVALID_KEY_INFORMATION, "KEK packet lacks a key or has one of impossible length")              \
    X(KD_LKH, ISAKMP_N_INVALID_PAYLOAD_TYPE, "KD payload holds LKH keys: not supported by this version")               \
    X(KD_SPI_SIZE, ISAKMP_N_INVALID_SPI, "key packet's SPI size doesn't fit its type")                                 \
    X(KD_TEK_KEY, ISAKMP_N_INVALID_KEY_INFORMATION, "TEK packet lacks its key or has one of impossible length")        \
    X(KD_SID, ISAKMP_N_INVALID_KEY_INFORMATION, "sender ids lack their width, don't fit it, or are too many")          \
    X(SEQ_LENGTH, ISAKMP_N_PAYLOAD_MALFORMED, "SEQ payload doesn't hold exactly 4 octets")

enum isakmp_error {
    ISAKMP_OK = 0,
#define X(id, notify, text) ISAKMP_E_##id,
    ISAKMP_ERRORS(X)
#undef X
        ISAKMP_ERROR_COUNT
};

/* "ok" for ISAKMP_OK; never NULL. */
const char *isakmp_error_text(enum isakmp_error e);
/* The notify type to answer with; 0 for ISAKMP_OK. */
uint16_t isakmp_error_notify(enum isakmp_error e);

extern const struct name isakmp_payload_names[];
extern const struct name isakmp_exchange_names[];
extern const struct name isakmp_notify_names[];
extern const struct name isakmp_id_names[];

/* ---- header (RFC 2408 3.1) ---- */

struct isakmp_header {
    uint8_t cky_i[ISAKMP_COOKIE_LEN], cky_r[ISAKMP_COOKIE_LEN];
    uint8_t next_payload;
    uint8_t exchange; /* not judged here */
    uint8_t flags;    /* enum isakmp_flag; other bits were refused */
    uint32_t message_id;
    uint32_t length; /* of the whole message, header included; ignored by the writer */
};

/*
 * Reads the header of a datagram (without Non-ESP marker); *body is what follows it. Refused: fewer than 28 octets, a
 * length other than the datagram's, a version other than 1.0, undefined flags, an initiator cookie of zero.
 */
MUST_CHECK enum isakmp_error isakmp_header_get(struct span datagram, struct isakmp_header *h, struct span *body);

/* ---- reading a chain of payloads (RFC 2408 3.2) ---- */

struct isakmp_payload {
    uint8_t type;
    struct span body;  /* without the generic header: what RFC 2409 calls <X>_b */
    struct span whole; /* with it */
};

/* Walks any chain (messages, and the attribute payloads inside a GDOI SA). Type numbers are the caller's business. */
struct isakmp_walk {
    struct buf_reader r;
    uint8_t next; /* type of the payload that comes; 0 = the chain has ended */
};

static inline struct isakmp_walk isakmp_walk_of(uint8_t first, struct span bytes)
{
    return (struct isakmp_walk){buf_reader_of(bytes), first};
}

/*
 * The next payload; call only while w->next isn't 0. A length below 4 or past the end is refused, so every step consumes
 * at least 4 octets. RESERVED must be zero: RFC 2408 5.3 tells the receiver to verify it, and behind a wrong key it
 * catches most garbage.
 */
MUST_CHECK enum isakmp_error isakmp_walk_next(struct isakmp_walk *w, struct isakmp_payload *p);

/* May octets follow the last payload? Only what was encrypted has padding (RFC 2409 App. B). */
enum isakmp_trailing { ISAKMP_TRAILING_REFUSE, ISAKMP_TRAILING_PADDING };

struct isakmp_payloads {
    struct isakmp_payload p[ISAKMP_MAX_PAYLOADS];
    size_t n; /* at least 1 */
    struct span padding; /* what follows the last payload, any values: some peers write lengths or a whole block */
};

/*
 * Splits a message's body into its payloads. Refused: an empty chain, more than ISAKMP_MAX_PAYLOADS, types that a message
 * of IKEv1 or GDOI can't have at its top level (so all of IKEv2's, and P, T, SAK, SAT, which live inside an SA).
 * Which payloads a message must and may have is the exchange's business.
 */
MUST_CHECK enum isakmp_error isakmp_payloads_get(uint8_t first, struct span body, enum isakmp_trailing trailing,
                                                 struct isakmp_payloads *out);
/* The first payload of a type, or NULL. */
const struct isakmp_payload *isakmp_payloads_find(const struct isakmp_payloads *ps, uint8_t type);
size_t isakmp_payloads_count(const struct isakmp_payloads *ps, uint8_t type);
/* Each of `required` exactly once, any number of `allowed`, and nothing else? Both lists end with 0. */
bool isakmp_payloads_fit(const struct isakmp_payloads *ps, const uint8_t *required, const uint8_t *allowed);
/* All raw octets behind payload p (which is one of ps), padding excluded: what a HASH as first payload covers. */
struct span isakmp_payloads_behind(const struct isakmp_payloads *ps, const struct isakmp_payload *p);

/* ---- writing ---- */

/*
 * A chain under construction in a writer. Each payload that begins is written into the Next Payload octet of the one
 * before it. An overflow, also of the 16-bit payload length, is remembered by the writer.
 */
struct isakmp_chain {
    struct buf_writer *w;
    size_t next_at; /* offset of the octet that names the next payload */
    size_t start;   /* offset of the payload being written */
};

/* Writes a header with Next Payload and Length still 0; the chain goes behind it. */
struct isakmp_chain isakmp_message_begin(struct buf_writer *w, const struct isakmp_header *h);
/* Sets the header's Length to all that was written since isakmp_message_begin(), which must have been at offset 0. */
void isakmp_message_end(struct buf_writer *w);
/* A chain inside something else; next_at is the octet that names its first payload. */
struct isakmp_chain isakmp_chain_at(struct buf_writer *w, size_t next_at);
/* Generic header of a payload; write its body to c->w, then end it. Returns the payload's offset. */
size_t isakmp_payload_begin(struct isakmp_chain *c, uint8_t type);
void isakmp_payload_end(struct isakmp_chain *c);
/* A payload whose body is there already. */
void isakmp_payload_put(struct isakmp_chain *c, uint8_t type, struct span body);

#endif
