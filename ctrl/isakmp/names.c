/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of numbers and the sentences of errors, for logs and tools. Nothing is decided by them. */
#include "ctrl/isakmp/attr.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/sa.h"

static const struct {
    const char *text;
    uint16_t notify;
} errors[ISAKMP_ERROR_COUNT] = {
    [ISAKMP_OK] = {"ok", 0},
#define X(id, notify, text) [ISAKMP_E_##id] = {text, notify},
    ISAKMP_ERRORS(X)
#undef X
};

const char *isakmp_error_text(enum isakmp_error e)
{
    return (unsigned)e < ISAKMP_ERROR_COUNT ? errors[e].text : "unknown error";
}

uint16_t isakmp_error_notify(enum isakmp_error e)
{
    return (unsigned)e < ISAKMP_ERROR_COUNT ? errors[e].notify : (uint16_t)ISAKMP_N_PAYLOAD_MALFORMED;
}

const struct name isakmp_payload_names[] = {
    {ISAKMP_PAYLOAD_SA, "SA"},
    {ISAKMP_PAYLOAD_PROPOSAL, "proposal"},
    {ISAKMP_PAYLOAD_TRANSFORM, "transform"},
    {ISAKMP_PAYLOAD_KE, "KE"},
    {ISAKMP_PAYLOAD_ID, "ID"},
    {ISAKMP_PAYLOAD_CERT, "CERT"},
    {ISAKMP_PAYLOAD_CR, "CR"},
    {ISAKMP_PAYLOAD_HASH, "HASH"},
    {ISAKMP_PAYLOAD_SIG, "SIG"},
    {ISAKMP_PAYLOAD_NONCE, "nonce"},
    {ISAKMP_PAYLOAD_NOTIFY, "notification"},
    {ISAKMP_PAYLOAD_DELETE, "delete"},
    {ISAKMP_PAYLOAD_VID, "vendor id"},
    {ISAKMP_PAYLOAD_SAK, "SAK"},
    {ISAKMP_PAYLOAD_SAT, "SAT"},
    {ISAKMP_PAYLOAD_KD, "KD"},
    {ISAKMP_PAYLOAD_SEQ, "SEQ"},
    {ISAKMP_PAYLOAD_NAT_D, "NAT-D"},
    {ISAKMP_PAYLOAD_NAT_OA, "NAT-OA"},
    {ISAKMP_PAYLOAD_GAP, "GAP"},
    {0, NULL},
};

const struct name isakmp_exchange_names[] = {
    {ISAKMP_EXCHANGE_MAIN, "main mode"},
    {ISAKMP_EXCHANGE_AGGRESSIVE, "aggressive mode"},
    {ISAKMP_EXCHANGE_INFORMATIONAL, "informational"},
    {ISAKMP_EXCHANGE_GROUPKEY_PULL, "GROUPKEY-PULL"},
    {ISAKMP_EXCHANGE_GROUPKEY_PUSH, "GROUPKEY-PUSH"},
    {ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK, "GROUPKEY-PUSH-ACK"},
    {0, NULL},
};

const struct name isakmp_notify_names[] = {
    {ISAKMP_N_INVALID_PAYLOAD_TYPE, "INVALID-PAYLOAD-TYPE"},
    {ISAKMP_N_DOI_NOT_SUPPORTED, "DOI-NOT-SUPPORTED"},
    {ISAKMP_N_SITUATION_NOT_SUPPORTED, "SITUATION-NOT-SUPPORTED"},
    {ISAKMP_N_INVALID_COOKIE, "INVALID-COOKIE"},
    {ISAKMP_N_INVALID_MAJOR_VERSION, "INVALID-MAJOR-VERSION"},
    {ISAKMP_N_INVALID_MINOR_VERSION, "INVALID-MINOR-VERSION"},
    {ISAKMP_N_INVALID_EXCHANGE_TYPE, "INVALID-EXCHANGE-TYPE"},
    {ISAKMP_N_INVALID_FLAGS, "INVALID-FLAGS"},
    {ISAKMP_N_INVALID_MESSAGE_ID, "INVALID-MESSAGE-ID"},
    {ISAKMP_N_INVALID_PROTOCOL_ID, "INVALID-PROTOCOL-ID"},
    {ISAKMP_N_INVALID_SPI, "INVALID-SPI"},
    {ISAKMP_N_INVALID_TRANSFORM_ID, "INVALID-TRANSFORM-ID"},
    {ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "ATTRIBUTES-NOT-SUPPORTED"},
    {ISAKMP_N_NO_PROPOSAL_CHOSEN, "NO-PROPOSAL-CHOSEN"},
    {ISAKMP_N_BAD_PROPOSAL_SYNTAX, "BAD-PROPOSAL-SYNTAX"},
    {ISAKMP_N_PAYLOAD_MALFORMED, "PAYLOAD-MALFORMED"},
    {ISAKMP_N_INVALID_KEY_INFORMATION, "INVALID-KEY-INFORMATION"},
    {ISAKMP_N_INVALID_ID_INFORMATION, "INVALID-ID-INFORMATION"},
    {19, "INVALID-CERT-ENCODING"},
    {20, "INVALID-CERTIFICATE"},
    {21, "CERT-TYPE-UNSUPPORTED"},
    {22, "INVALID-CERT-AUTHORITY"},
    {ISAKMP_N_INVALID_HASH_INFORMATION, "INVALID-HASH-INFORMATION"},
    {ISAKMP_N_AUTHENTICATION_FAILED, "AUTHENTICATION-FAILED"},
    {25, "INVALID-SIGNATURE"},
    {26, "ADDRESS-NOTIFICATION"},
    {27, "NOTIFY-SA-LIFETIME"},
    {28, "CERTIFICATE-UNAVAILABLE"},
    {ISAKMP_N_UNSUPPORTED_EXCHANGE_TYPE, "UNSUPPORTED-EXCHANGE-TYPE"},
    {ISAKMP_N_UNEQUAL_PAYLOAD_LENGTHS, "UNEQUAL-PAYLOAD-LENGTHS"},
    {ISAKMP_N_REFUSED, "REFUSED"},
    {16384, "CONNECTED"},
    {ISAKMP_N_RESPONDER_LIFETIME, "RESPONDER-LIFETIME"},
    {ISAKMP_N_REPLAY_STATUS, "REPLAY-STATUS"},
    {ISAKMP_N_INITIAL_CONTACT, "INITIAL-CONTACT"},
    {ISAKMP_N_R_U_THERE, "R-U-THERE"},
    {ISAKMP_N_R_U_THERE_ACK, "R-U-THERE-ACK"},
    {0, NULL},
};

const struct name isakmp_id_names[] = {
    {ISAKMP_ID_IPV4_ADDR, "ipv4"},
    {ISAKMP_ID_FQDN, "fqdn"},
    {ISAKMP_ID_USER_FQDN, "user-fqdn"},
    {ISAKMP_ID_IPV4_ADDR_SUBNET, "ipv4-subnet"},
    {ISAKMP_ID_IPV6_ADDR, "ipv6"},
    {ISAKMP_ID_IPV6_ADDR_SUBNET, "ipv6-subnet"},
    {ISAKMP_ID_IPV4_ADDR_RANGE, "ipv4-range"},
    {ISAKMP_ID_IPV6_ADDR_RANGE, "ipv6-range"},
    {ISAKMP_ID_DER_ASN1_DN, "dn"},
    {ISAKMP_ID_DER_ASN1_GN, "gn"},
    {ISAKMP_ID_KEY_ID, "key-id"},
    {0, NULL},
};

const struct name isakmp_encryption_names[] = {
    {ISAKMP_ENC_DES, "DES-CBC"}, {ISAKMP_ENC_3DES, "3DES-CBC"}, {ISAKMP_ENC_AES, "AES-CBC"}, {0, NULL},
};

const struct name isakmp_hash_names[] = {
    {ISAKMP_HASH_MD5, "MD5"},       {ISAKMP_HASH_SHA1, "SHA1"},     {ISAKMP_HASH_SHA256, "SHA2-256"},
    {ISAKMP_HASH_SHA384, "SHA2-384"}, {ISAKMP_HASH_SHA512, "SHA2-512"}, {0, NULL},
};

const struct name isakmp_auth_names[] = {
    {ISAKMP_AUTH_PSK, "PSK"}, {ISAKMP_AUTH_RSA, "RSA-SIG"}, {ISAKMP_AUTH_ECDSA_256, "ECDSA-256"}, {0, NULL},
};
