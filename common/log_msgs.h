/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of operator messages. Mnemonics of table 3 of the original guide keep their names and the meaning of their
 * parameters; ours beside them follow the same style. X(id, facility, severity, per_second, text); severity as in
 * syslog (1 alert, 3 error, 4 warning, 5 notice, 6 info); per_second 0 = never limited, which is for what no peer can
 * cause at will. Every text has at least one argument.
 */
#ifndef GVPN_COMMON_LOG_MSGS_H
#define GVPN_COMMON_LOG_MSGS_H

#define LOG_MSGS(X)                                                                                                    \
    /* daemon */                                                                                                       \
    X(DAEMON_START, "GVPN", 5, 0, "%s %s started with %s")                                                             \
    X(DAEMON_STOP, "GVPN", 5, 0, "%s stopped: %s")                                                                     \
    X(CONFIG_ERROR, "GVPN", 3, 0, "%s")                                                                                \
    X(CONFIG_LINT, "GVPN", 4, 0, "%s")                                                                                 \
    X(CONFIG_RELOADED, "GVPN", 5, 0, "%s is in effect: %zu groups")                                                    \
    X(CONFIG_KEPT, "GVPN", 3, 0, "reload failed, the present configuration stays: %s")                                 \
    X(START_FAILED, "GVPN", 3, 0, "%s")                                                                                \
    X(KEYLOG_ON, "GVPN", 4, 0, "lab: keys are written to %s; anyone who reads it can decrypt all traffic")             \
    /* IKE */                                                                                                          \
    X(IKE_DROP, "IKE", 4, 5, "datagram from %s dropped: %s")                                                           \
    X(IKE_PHASE1_UP, "IKE", 6, 20, "phase 1 with %s established as %s")                                                \
    X(IKE_PHASE1_FAILED, "IKE", 4, 5, "phase 1 with %s failed: %s")                                                    \
    /* member */                                                                                                       \
    X(GM_REGSTER, "CRYPTO", 5, 0, "Start registration to KS %s for group %s using address %s")                         \
    X(GM_REGS_COMPL, "GDOI", 5, 0, "Registration to KS %s complete for group %s using address %s")                     \
    X(GM_REGS_FAILED, "GDOI", 3, 5, "Registration to KS %s for group %s failed: %s")                                   \
    X(GM_INSTALL_POLICIES_SUCCESS, "GDOI", 5, 0,                                                                       \
      "SUCCESS: Installation of Reg/Rekey policies from KS %s for group %s & gm identity %s: %u SAs, %zu rules")       \
    X(GM_INSTALL_POLICIES_FAIL, "GDOI", 3, 5, "Policies from KS %s for group %s & gm identity %s not installed: %s")   \
    X(GM_ENABLE_GDOI_CM, "GDOI", 5, 0, "ACL in use in group %s with KS %s: %zu rules on port pair %s")                 \
    X(GM_NO_CRYPTO_ENGINE, "GDOI", 3, 5, "Group %s: KS %s asks for what can't be run here: %s")                        \
    X(GM_NO_IPSEC_FLOWS, "GDOI", 3, 5, "Group %s: no room for IPsec SAs of KS %s: %s")                                 \
    X(GM_HASH_FAIL, "GDOI", 4, 5, "Registration: a message of KS %s to GM %s has a bad or no hash: %s")                \
    X(UNEXPECTED_SIGKEY, "GDOI", 3, 5, "Group %s: unexpected signature key from KS %s, freed: %s")                     \
    X(UNSUPPORTED_TEK_PROTO, "GDOI", 3, 5, "Group %s: unexpected TEK protocol from KS %s: %s")                         \
    X(GDOI_ACL_NUM, "GDOI", 3, 5, "Too many ACL entries, at most %d are honoured: %s")                                 \
    X(GM_PAIR_UNKNOWN, "GDOI", 3, 0, "Group %s: the data plane at %s has no port pair %s; other groups go on")         \
    X(GM_KEY_GONE, "GDOI", 4, 1,                                                                                       \
      "Group %s: SA 0x%08x was deleted in the data plane and can't come back; waiting for the next key")               \
    X(GM_KEY_LOST, "GDOI", 4, 5,                                                                                       \
      "Group %s: it isn't known any more which sequence numbers were used with SA 0x%08x; asking for another key")     \
    X(GM_UNREGISTER, "GDOI", 5, 50, "GM %s has left group %s at KS %s: %s")                                            \
    X(GM_CLEAR_REGISTER, "GDOI", 5, 0, "Group %s cleared by the operator: registering again with KS %s")               \
    X(GM_ACL_MERGE, "GDOI", 5, 0, "ACL of KS %s and GM in group %s merged: %zu local rules, then %zu of the KS")         \
    X(GM_ACL_PERMIT, "GDOI", 4, 0,                                                                                     \
      "Group %s: a local ACL is for deny only; any traffic that matches its %zu permit rules is dropped")            \
    X(GM_CM_ATTACH, "GDOI", 5, 0, "Group %s: member on port pair %s")                                                  \
    X(GM_CM_DETACH, "GDOI", 5, 0, "Group %s: no longer a member on port pair %s, whose traffic is now %s")             \
    X(GM_INCOMPLETE_CFG, "GDOI", 3, 0, "Registration of group %s can't be done, its configuration is incomplete: %s")  \
    X(GM_FAIL_CLOSE, "GDOI", 4, 0, "Group %s: no usable policy; fail-close is in effect")                              \
    X(GM_REVERT, "GDOI", 4, 0, "Group %s: all SAs have ended and no key server answers; back to fail-close")           \
    X(GM_RE_REGISTER, "GDOI", 4, 0,                                                                                    \
      "The IPSec SA created for group %s may have expired/been cleared, or didn't go through. Re-register to KS.")     \
    X(GM_REKEY_NOT_RECD, "GDOI", 5, 0, "Group %s: no rekey came from KS %s in time")                                   \
    X(GM_REJECTING_SA_PAYLOAD, "GDOI", 3, 5,                                                                           \
      "Registration: Policy in SA payload sent by KS %s rejected by GM in the group %s reason %s")                     \
    X(GM_RECV_REKEY, "GDOI", 5, 50, "Received Rekey for group %s from %s to %s with seq # %u")                         \
    X(SA_KEK_UPDATED, "GDOI", 5, 0, "SA KEK was updated in group %s: SPI %s, lifetime %u s")                           \
    X(SA_TEK_UPDATED, "GDOI", 5, 0, "SA TEK was updated in group %s: %u new")                                          \
    X(GM_REKEY_TRANS_2_UNI, "GDOI", 5, 0, "Group %s transitioned to Unicast Rekey.")                                   \
    X(GM_REKEY_TRANS_2_MULTI, "GDOI", 5, 0, "Group %s transitioned to Multicast Rekey.")                               \
    X(GM_DELETE_EXPIRED_KEK, "GDOI", 5, 0, "KEK expired for group %s and was deleted")                                 \
    X(GM_RECV_DELETE, "GDOI", 4, 0, "GM received delete-msg from KS in group %s: %s")                                  \
    X(GM_REKEY_NOT_HEARD, "GDOI", 3, 5, "Group %s: rekeys by multicast to %s can't be heard: %s")                      \
    X(GDOI_REKEY_SEQ_FAILURE, "GDOI", 3, 5, "Failed to process rekey in group %s from %s: its seq # isn't above %u")   \
    X(GDOI_REKEY_FAILURE, "GDOI", 3, 5, "Processing of REKEY payloads failed on GM in the group %s with peer at %s: %s") \
    X(GM_SA_INGRESS, "GDOI", 5, 0, "Receive only ACL received from KS %s in group %s.")                                \
    X(GM_CONV_SA_PASSIVE, "GDOI", 5, 0,                                                                                \
      "Group %s: receive-only was lifted; SAs are inbound-optional for %u s, then bidirectional")                      \
    X(GM_CONV_SA_DUPLEX, "GDOI", 5, 0, "IPSec SAs converted to Duplex in group %s on the GM.")                         \
    X(GM_CONV_SA_DUPLEX_LOCAL, "GDOI", 5, 0, "IPSec SAs converted to Duplex in group %s on a GM by a local event.")    \
    X(GM_DIRECTION, "GDOI", 5, 0, "Group %s: SAs are %s by the operator's word until the next rekey")                  \
    X(GM_RECOVER, "GDOI", 4, 0, "Group %s: %s; registering with KS %s")                                                \
    X(PSEUDO_TIME_LARGE, "GDOI", 3, 5,                                                                                 \
      "Pseudotime difference between key server (%llu sec) and GM (%llu sec) is larger than expected in group %s. "    \
      "Adjust to new pseudotime")                                                                                      \
    X(PSEUDO_TIME_TOO_OLD, "GDOI", 3, 5,                                                                               \
      "%s in group %s is too old and fail PST check: my_pst is %llu sec, peer_pst is %llu sec, allowable_skew is "     \
      "%u sec%s")                                                                                                      \
    X(REPLAY_FAILED, "GDOI", 3, 20,                                                                                    \
      "Packet from %s with SA 0x%08x fails the pseudotime check: my_pst is %llu ms, peer_pst is %llu ms")              \
    /* key server */                                                                                                   \
    X(KS_REGS_COMPL, "GDOI", 5, 50, "KS has completed registration in group %s of GM %s (version %s)")                 \
    X(KS_REFUSED, "GDOI", 4, 5, "Group %s: registration of %s refused: %s")                                            \
    X(KS_BAD_ID, "GDOI", 4, 5, "Registration: KS and GM %s are configured differently: no group with identity %s")     \
    X(KS_UNAUTHORIZED, "GDOI", 3, 5, "Registration: unauthorized GM %s tried to join group %s")                        \
    X(UNAUTHORIZED_IPADDR, "GDOI", 1, 5, "Group %s received registration from unauthorized ip address: %s")            \
    X(UNREGISTERED_INTERFACE, "GDOI", 1, 5, "Group %s received registration from unregistered interface: %s, of GM %s") \
    X(REJECT_GM_VERSION_REGISTER, "GDOI", 4, 5,                                                                        \
      "Reject registration of GM %s(ver 0x%x) in group %s as it cannot support these GETVPN features enabled: %s")     \
    X(KS_GM_REJECTS_SA_PAYLOAD, "GDOI", 4, 5, "Registration: SA payload refused by GM %s in the group with identity %s") \
    X(KS_HASH_FAIL, "GDOI", 4, 5, "Registration: a message of GM %s to KS %s has a bad or no hash: %s")                \
    X(KS_NEW_TEK, "GDOI", 5, 0, "Group %s: new TEK 0x%08x for sa %u, lifetime %u s")                                   \
    X(KS_KEYS_SPENT, "GDOI", 5, 5,                                                                                     \
      "Group %s: GM %s can't go on with keys that it had (counter replay); others take their place")                   \
    X(KS_NO_TEK, "GDOI", 3, 1, "Group %s: a new TEK could not be made; trying again")                                  \
    X(KS_SENDER_IDS_LOW, "GDOI", 4, 0, "Group %s: %u percent of the sender ids of this key epoch are given")           \
    X(KS_LAST_GM, "GDOI", 6, 0, "Group %s: the last member, %s, has left")                                             \
    X(KS_LEAVE_IGNORED, "GDOI", 4, 5, "%s says that it leaves a group, but %s: nothing changed")                       \
    X(KS_CLEAR_REGISTER, "GDOI", 5, 0, "Group %s cleared by the operator: new keys, %zu members forgotten")            \
    X(KS_CLEAR_MEMBERS, "GDOI", 5, 0, "Group %s: %zu members forgotten by the operator")                               \
    X(KS_NEW_KEK, "GDOI", 5, 0, "Group %s: new KEK, lifetime %u s")                                                    \
    X(KS_SEND_UNICAST_REKEY, "GDOI", 5, 50, "Sending Unicast Rekey for group %s from address %s with seq # %u (%s)")   \
    X(KS_SEND_MCAST_REKEY, "GDOI", 5, 50,                                                                              \
      "Sending Multicast Rekey for group %s from address %s to %s with seq # %u (%s)")                                 \
    X(KS_REKEY_FAILED, "GDOI", 3, 5, "Group %s: a rekey can't be sent to some members: %s")                            \
    X(KS_NACK_GM_EJECT, "GDOI", 4, 50, "Group %s: member %s gets no more rekeys, it acknowledged none of the last %u") \
    X(KS_UNSOL_ACK, "GDOI", 3, 5, "Group %s: unsolicited acknowledgement from %s: %s")                                 \
    X(KS_BLACKHOLE_ACK, "GDOI", 3, 5,                                                                                  \
      "Group %s: %u acknowledgements of no use came from %s; until it is sent a rekey its next ones are not told of")   \
    X(KS_REKEY_TRANS_2_UNI, "GDOI", 5, 0, "Group %s transitioned to Unicast Rekey")                                    \
    X(KS_REKEY_TRANS_2_MULTI, "GDOI", 5, 0, "Group %s transitioned to Multicast Rekey to %s")                          \
    X(KS_CONV_SAS_INGRESS, "GDOI", 5, 0, "IPsec SAs converted to receive-only mode in group %s")                       \
    X(KS_CONV_SAS_DUPLEX, "GDOI", 5, 0, "IPsec SAs converted to bidirectional mode in group %s")                       \
    X(KS_NEW_EPOCH, "GDOI", 5, 0, "Group %s: new key epoch; %zu members are told to register again")                   \
    X(KS_GM_BAR_LIFTED, "GDOI", 5, 0, "Group %s: %s isn't barred any more, by the operator")                                  \
    X(KS_GM_BARRED, "GDOI", 4, 0, "Group %s: %s is barred by the operator")                                            \
    X(KS_GM_REVOKED, "GDOI", 3, 5, "Group %s: %s, which is barred, tried to register")                                 \
    X(KS_FIRST_GM, "GDOI", 6, 0, "Group %s: the first member, %s, has joined")                                         \
    X(GM_DELETE, "GDOI", 5, 50, "Group %s: member %s deleted by the operator")                                         \
    X(KS_GROUP_ADD, "GDOI", 5, 0, "Group %s (identity %s) is served")                                                  \
    X(KS_GROUP_DELETE, "GDOI", 5, 0, "Group %s (identity %s) is no longer served")                                     \
    X(KS_NO_RSA_KEYS, "GDOI", 1, 0, "Signing key of group %s is missing or of no use: %s")                             \
    /* control daemon <-> data plane */                                                                                \
    X(DP_ATTACHED, "GVPN", 5, 0, "attached to the data plane at %s: %u pairs, %u workers")                             \
    X(DP_DETACHED, "GVPN", 4, 0, "data plane at %s is gone: %s")                                                       \
    X(DP_UNREACHABLE, "GVPN", 4, 0, "data plane at %s can't be attached: %s; trying again")                            \
    X(DP_UNREGISTERED_CLEAR, "GVPN", 3, 0, "data plane at %s passes all traffic in clear until the first policy")      \
    X(CTRL_ATTACHED, "GVPN", 5, 0, "control daemon attached at %s")                                                    \
    X(CTRL_DETACHED, "GVPN", 4, 0, "control daemon is gone: %s; going on with what is installed")                      \
    X(CTRL_REFUSED, "GVPN", 4, 5, "control connection refused: %s")                                                    \
    X(POLICY_INSTALLED, "GVPN", 6, 0, "epoch %llu in effect: %u groups, %u rules, %u SAs")                             \
    X(POLICY_REFUSED, "GVPN", 3, 5, "epoch %llu refused: %s")                                                          \
    X(SA_EXPIRED, "GVPN", 4, 0, "SA 0x%08x reached its hard limit and is no longer used")                              \
    X(LOG_RELOADED, "GVPN", 5, 0, "the log settings of %s are in effect; everything else waits for the next start of %s") \
    X(PORT_UP, "GVPN", 5, 0, "port %s is %s (%s)")                                                                     \
    X(PORT_READY, "GVPN", 6, 0, "port %s (%s): driver %s, %u queues of %u and %u descriptors, MTU %u, RSS: %s")        \
    X(PORT_LIMIT, "GVPN", 4, 0, "port %s (%s): %s")                                                                    \
    X(NO_HUGEPAGES, "GVPN", 4, 0, "fewer than %u MB of hugepages are free: going on with ordinary memory, which is slower") \
    X(SELF_TEST, "GVPN", 5, 0, "crypto self test: %s")

#endif
