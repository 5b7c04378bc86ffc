/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every packet ends in exactly one verdict. The names are what operators and scripts read (`show counters`, explain,
 * trace); the sentence says what it means to them. Shared by the data plane, which counts, and the tools, which show.
 */
#ifndef GVPN_COMMON_VERDICT_H
#define GVPN_COMMON_VERDICT_H

#define VERDICTS(X)                                                                                                    \
    X(SENT_ENCRYPTED, "sent_encrypted", "protected with ESP and sent to the outside")                                  \
    X(SENT_CLEAR, "sent_clear", "sent to the outside in clear because the policy says so")                             \
    X(RECEIVED_DECRYPTED, "received_decrypted", "ESP from the outside, verified and delivered inside")                 \
    X(RECEIVED_CLEAR, "received_clear", "clear packet from the outside that the policy lets in")                       \
    X(LOCAL, "local", "for or from the appliance itself")                                                              \
    X(PASSED_L2, "passed_l2", "ARP, neighbour discovery or not IP: passed unchanged")                                  \
    X(HELD_FRAGMENT, "held_fragment", "fragment of ESP, put together with others; the whole packet counts once more")  \
    X(SENT_ICMP_TOO_BIG, "sent_icmp_too_big", "made by us: tells a host that its packet didn't fit, and what would")        \
    X(PMTU_LEARNED, "pmtu_learned", "the WAN said that ESP of ours was too big: noted, not passed on")                   \
    X(DROP_NO_SA, "drop_no_sa", "the policy wants it encrypted, and there is no usable SA")                            \
    X(DROP_FAIL_CLOSE, "drop_fail_close", "no policy yet (or no longer): fail-close stops all but its exceptions")     \
    X(DROP_LOCAL_ACL, "drop_local_acl", "a permit entry of the local list means drop")                                 \
    X(DROP_POLICY_CLEAR_IN, "drop_policy_clear_in", "clear packet from the outside that should have been encrypted")   \
    X(DROP_UNKNOWN_SPI, "drop_unknown_spi", "ESP with an SPI that no group of this port pair has")                     \
    X(DROP_AUTH, "drop_auth", "the integrity check value is wrong")                                                    \
    X(DROP_OWN_SENDER, "drop_own_sender", "ESP that carries one of our own sender ids came back")                      \
    X(DROP_REPLAY_TIME, "drop_replay_time", "its pseudotime is outside the window")                                    \
    X(DROP_REPLAY_COUNTER, "drop_replay_counter", "its sequence number was seen already or is too old")                \
    X(DROP_REPLAY_SENDER, "drop_replay_sender", "this sender's IV was seen already or is too old")                     \
    X(DROP_METADATA, "drop_metadata", "its metadata header is missing or not the one that its SA says")                \
    X(DROP_ADDRESS_MISMATCH, "drop_address_mismatch", "inner addresses differ from the outer ones")                    \
    X(DROP_BOGUS_ADDRESS, "drop_bogus_address", "from or to an address that no packet on a wire has: loopback, from a group")  \
    X(DROP_INNER_POLICY, "drop_inner_policy", "the decrypted packet isn't one its SA may carry")                       \
    X(DROP_INNER_MALFORMED, "drop_inner_malformed", "verified, but what is inside isn't a whole packet")               \
    X(DROP_DUMMY, "drop_dummy", "dummy packet (next header 59)")                                                       \
    X(DROP_MALFORMED, "drop_malformed", "header lengths or checksums contradict the packet")                           \
    X(DROP_FRAGMENT, "drop_fragment", "fragment that says too little to apply a policy, or of ESP")                    \
    X(DROP_REASSEMBLY_TIMEOUT, "drop_reassembly_timeout", "fragment of ESP; others didn't come within a second")       \
    X(DROP_REASSEMBLY_OVERLAP, "drop_reassembly_overlap", "fragment of ESP whose datagram had overlapping ones")       \
    X(DROP_REASSEMBLY_LIMIT, "drop_reassembly_limit", "fragment of ESP: too long, too many pieces, too many at once")  \
    X(DROP_IP_OPTIONS, "drop_ip_options", "IPv4 options whose lengths don't add up")                                   \
    X(DROP_EXT_HEADER, "drop_ext_header", "IPv6 extension headers that can't be looked through")                       \
    X(DROP_SOURCE_ROUTE, "drop_source_route", "source route: it goes where no policy was asked about")                 \
    X(DROP_VLAN, "drop_vlan", "IP behind more than two VLAN tags or in a SNAP header: not handled")                    \
    X(DROP_GROUP_TAG, "drop_group_tag", "IP behind a security group tag that isn't expected there, or a broken one")   \
    X(DROP_ECN, "drop_ecn", "congestion mark from the outside on a packet that can't carry one (RFC 6040)")            \
    X(DROP_TOO_BIG, "drop_too_big", "does not fit the port pair's MTU, and may not be fragmented")                     \
    X(DROP_SA_EXPIRED, "drop_sa_expired", "its SA has passed its hard limit")                                          \
    X(DROP_IV_EXHAUSTED, "drop_iv_exhausted", "no unused IV is left for this worker")                                  \
    X(DROP_UNREGISTERED, "drop_unregistered", "no policy was ever installed and `unregistered` says drop")             \
    X(DROP_UNPROTECTED, "drop_unprotected", "no group has its port pair or VLAN, or has it any longer")                \
    X(DROP_NO_BUFFER, "drop_no_buffer", "no buffer or headroom left")                                                  \
    X(DROP_TX_FULL, "drop_tx_full", "the port's transmit queue is full")                                               \
    X(DROP_PUNT_FULL, "drop_punt_full", "more for the appliance itself than its rate limit or queue takes")            \
    X(DROP_INTERNAL, "drop_internal", "the data plane could not process it; please report")

enum verdict {
#define X(id, name, meaning) VERDICT_##id,
    VERDICTS(X)
#undef X
        VERDICT_COUNT
};

/* NULL for numbers outside the list. */
const char *verdict_name(unsigned v);
const char *verdict_meaning(unsigned v);

#endif
