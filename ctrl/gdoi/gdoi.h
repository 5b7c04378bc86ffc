/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers of GDOI (RFC 6407) and of the IPsec DOI attributes that it borrows (RFC 2407 4.5), our private ones included
 * (docs/exchanges.md). Payloads are in the other files of this folder; errors are those of ctrl/isakmp/isakmp.h.
 */
#ifndef GVPN_CTRL_GDOI_GDOI_H
#define GVPN_CTRL_GDOI_GDOI_H

#include "ctrl/isakmp/isakmp.h"

/* Protocols of TEKs (RFC 6407 5.5); a delete payload says 0 for the KEK (5.9). */
#define GDOI_PROTO_KEK      0
#define GDOI_PROTO_ESP      1
#define GDOI_PROTO_AH       2
#define GDOI_KEK_SPI_LEN    16  /* CKY-I | CKY-R of the rekeys */
#define GDOI_FIRST_SPI      256 /* 0 to 255 are reserved (RFC 4303 2.1) */
#define GDOI_MAX_SATS       1100 /* more can't stand in one message */
#define GDOI_MAX_SENDER_IDS 64
#define GDOI_MAX_TEKS       64 /* key packets in one KD */

/* RFC 2407 4.5, RFC 6407 8.2; 32001 and up are ours and go only to peers with our vendor id. */
enum gdoi_sat_attr {
    GDOI_SAT_LIFE_TYPE = 1,
    GDOI_SAT_LIFE_DURATION = 2,
    GDOI_SAT_GROUP_DESCRIPTION = 3, /* ignored (RFC 6407 5.5.1) */
    GDOI_SAT_ENCAPSULATION = 4,
    GDOI_SAT_AUTH = 5,
    GDOI_SAT_KEY_LENGTH = 6,
    GDOI_SAT_ADDRESS_PRESERVATION = 14,
    GDOI_SAT_DIRECTION = 15,
    GDOI_SAT_NUMBER = 32001,
    GDOI_SAT_REPLAY_METHOD = 32002,
    GDOI_SAT_REPLAY_WINDOW = 32003,
    GDOI_SAT_METADATA = 32004,
    GDOI_SAT_STRICT_SENDER = 32005,
    GDOI_SAT_GIVEN_BEFORE = 32006,
};

enum gdoi_encapsulation { GDOI_ENCAP_TUNNEL = 1, GDOI_ENCAP_TRANSPORT = 2 };

enum gdoi_preservation {
    GDOI_PRESERVE_NONE = 1,
    GDOI_PRESERVE_SOURCE = 2,
    GDOI_PRESERVE_DESTINATION = 3,
    GDOI_PRESERVE_BOTH = 4, /* what absence means */
};

/* Bits of GDOI_SAT_METADATA. */
#define GDOI_METADATA_TIME 1
#define GDOI_METADATA_TAG  2

enum gdoi_direction { GDOI_SENDER_ONLY = 1, GDOI_RECEIVER_ONLY = 2, GDOI_SYMMETRIC = 3 /* what absence means */ };

/* RFC 6407 5.4; 128 and up are ours. */
enum gdoi_gap_attr {
    GDOI_GAP_ATD = 1,
    GDOI_GAP_DTD = 2,
    GDOI_GAP_SENDER_ID_REQUEST = 3,
    GDOI_GAP_PSEUDOTIME = 128,
    GDOI_GAP_POLICY_DIGEST = 129,
    GDOI_GAP_POLICY = 130,
    GDOI_GAP_REPLACE = 131,
    GDOI_GAP_GROUP_MODE = 132,
};

/* RFC 6407 5.3, RFC 8263 8: of a KEK. */
enum gdoi_sak_attr {
    GDOI_SAK_MANAGEMENT = 1, /* ignored (RFC 6407 5.3) */
    GDOI_SAK_CIPHER = 2,
    GDOI_SAK_KEY_LENGTH = 3,
    GDOI_SAK_LIFETIME = 4,
    GDOI_SAK_HASH = 5,
    GDOI_SAK_SIGNATURE = 6,
    GDOI_SAK_SIGNATURE_LENGTH = 7,
    GDOI_SAK_ACK = 9,
};

enum gdoi_kek_cipher { GDOI_KEK_3DES = 2, GDOI_KEK_AES = 3 };
enum gdoi_signature_hash { GDOI_SIG_SHA1 = 2, GDOI_SIG_SHA256 = 3, GDOI_SIG_SHA384 = 4, GDOI_SIG_SHA512 = 5 };
enum gdoi_signature { GDOI_SIG_RSA = 1, GDOI_SIG_ECDSA_256 = 4, GDOI_SIG_ECDSA_384 = 5 };
enum gdoi_kek_ack { GDOI_ACK_KEK_SHA256 = 1, GDOI_ACK_KEK_SHA512 = 3 };

enum gdoi_kd_type { GDOI_KD_TEK = 1, GDOI_KD_KEK = 2, GDOI_KD_LKH = 3, GDOI_KD_SID = 4 };
enum gdoi_tek_attr { GDOI_TEK_ALGORITHM_KEY = 1, GDOI_TEK_INTEGRITY_KEY = 2, GDOI_TEK_SOURCE_AUTH_KEY = 3 };
enum gdoi_kek_attr { GDOI_KEK_ALGORITHM_KEY = 1 /* IV | key */, GDOI_KEK_SIG_KEY = 2 };
enum gdoi_sid_attr { GDOI_SID_BITS = 1, GDOI_SID_VALUE = 2 };

#endif
