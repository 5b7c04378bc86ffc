/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The golden table of gvpnd's file (OP1): a text, and the one line that must be said about it. The rows are
 * in the order of the file's sections; the small words below are what a row needs to be right up to its
 * mistake.
 */
#include "ctrl/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define IKE    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: " SECRET "}]}\n"
/* Five lines: the sixth is the row's. */
#define BASE                                                                                                 \
    "gvpn: 1\n" IKE "acls: {a: [permit ip any any], b: [permit udp any any]}\n"                              \
    "transform-sets: {t: {suite: aes-gcm-128}}\n"                                                            \
    "profiles: {p: {transform-set: t}}\n"
#define SA "sa: [{number: 1, profile: p, acl: a, replay: none}]"
#define SERVER                                                                                               \
    BASE "groups:\n- name: g\n  identity: 1\n  key-server:\n    address: 10.0.0.1\n    " /* goes on in 11:5  \
                                                                                          */
#define MEMBER                                                                                               \
    BASE "groups:\n- name: g\n  identity: 1\n  member:\n    key-servers: [10.0.0.9]\n    " /* goes on in     \
                                                                                              11:5 */
#define PAIR "data-plane: {pair: w}\n    " /* and this in 12:5 */
#define GROUP1                                                                                               \
    "- {name: g, identity: 1, key-server: {address: 10.0.0.1, " SA                                           \
    ", authorize: {addresses: [permit any]}}}\n"
#define MEMBER1 "- {name: m, identity: 2, member: {key-servers: [10.0.0.9], data-plane: {pair: w}}}\n"
#define TAIL    "groups:\n" GROUP1

struct row {
    const char *text, *want;
};

static const struct row top_rows[] = {
    {"[]", "f:1:1: a list, expected a map of keys"},
    {"{}", "f:1:1: the key 'gvpn' is missing, expected it here"},
    {"gvpn: 1\ngrops: []\n", "f:2:1: unknown key 'grops', did you mean 'groups'?"},
    {"gvpn: 1\nsomething: 1\n", "f:2:1: unknown key 'something', expected one of: gvpn, lab, legacy, log, "
                                "ike, acls, transform-sets, profiles, groups"},
    {"gvpn: 2\n", "f:1:7: gvpn: '2', expected 1"},
    {"gvpn: 1\ngvpn: 1\n", "f:2:1: key 'gvpn' stands twice, expected it once (first on line 1)"},
    {"gvpn: 1\nlab: yes\n", "f:2:6: lab: 'yes', expected true or false"},
    {"gvpn: 1\nlog: {level: loud}\n", "f:2:14: level: 'loud', expected one of: error, warn, info, debug"},
    {"gvpn: 1\nlog: {to: file}\n", "f:2:11: to: 'file', expected one of: stderr, syslog, journal"},
    {"gvpn: 1\nlog: debug\n", "f:2:6: log: a single value, expected a map of keys"},
    {"gvpn: 1\n", "f:1:1: the key 'ike' is missing, expected it here"},
    {"gvpn: 1\n" IKE, "f:1:1: the key 'groups' is missing, expected it here"},
    {"gvpn: 1\n" IKE "groups: []\n", "f:3:9: groups: too few items, expected at least 1"},
};

#define I "gvpn: 1\nike:\n  "
#define P I "listen: [10.0.0.1]\n  " /* goes on in 4:3 */
#define K P "pre-shared-keys:\n  - " /* goes on in 5:5 */

static const struct row ike_rows[] = {
    {I "identity: address\n", "f:2:1: ike: the key 'listen' is missing, expected it here"},
    {I "listen: []\n", "f:3:11: listen: too few items, expected at least 1"},
    {I "listen: 10.0.0.1\n", "f:3:11: listen: a single value, expected a list"},
    {I "listen: [\"2001:db8::1\"]\n",
     "f:3:12: '2001:db8::1' is IPv6 and IKE runs over IPv4, expected an IPv4 address"},
    {I "listen: [host.example]\n", "f:3:12: 'host.example' is no address, expected an IPv4 address"},
    {I "listen: [0.0.0.0]\n",
     "f:3:12: '0.0.0.0' can't be one machine's address, expected a unicast IPv4 address"},
    {I "listen: [224.0.0.1]\n",
     "f:3:12: '224.0.0.1' can't be one machine's address, expected a unicast IPv4 address"},
    {I "listen: [255.255.255.255]\n",
     "f:3:12: '255.255.255.255' can't be one machine's address, expected a unicast IPv4 address"},
    {I "listen: [10.0.0.1, 10.0.0.1]\n", "f:3:22: '10.0.0.1' stands twice, expected it once"},
    {P "identity: dn\n", "f:4:13: identity: not supported by this version: dn, expected address"},
    {P "identity: fqdn:ks1.example.net\n",
     "f:4:13: identity: not supported by this version: fqdn:ks1.example.net, expected address"},
    {P "identity: \"fqdn:\"\n", "f:4:13: identity: 'fqdn:', expected one of: address, dn, fqdn:NAME"},
    {P "identity: me\n", "f:4:13: identity: 'me', expected one of: address, dn, fqdn:NAME"},
    {P "proposals: []\n", "f:4:14: proposals: too few items, expected at least 1"},
    {P "proposals: [{encryption: 3des}]\n",
     "f:4:28: encryption: 3des is legacy (blocks of 64 bits: CVE-2016-2183), expected `legacy: true` at the top of the "
     "file for it"},
    {P "proposals: [{encryption: rot13}]\n",
     "f:4:28: encryption: 'rot13', expected one of: aes-128, aes-192, aes-256, 3des"},
    {P "proposals: [{hash: sha1}]\n", "f:4:22: hash: sha1 is legacy (on its way out: NIST SP "
                                  "800-131A), expected `legacy: true` at the top of the file for it"},
    {P "proposals: [{hash: md5}]\n", "f:4:22: hash: 'md5', expected one of: sha256, sha384, sha512, sha1"},
    {P "proposals: [{group: 2}]\n", "f:4:23: group: 2 is legacy (MODP 1024, within reach of states: RFC 8247 section 2.4), "
                                  "expected `legacy: true` at the top of the file for it"},
    {P "proposals: [{group: 16}, {group: 5}]\n",
     "f:4:36: group: 5 is legacy (MODP 1536, too weak by now: RFC 8247 section 2.4), expected `legacy: true` at the top "
     "of the file for it"},
    {P "proposals: [{group: 1}]\n", "f:4:23: group: '1', expected one of: 14, 15, 16, 19, 20, 21, 2, 5"},
    {P "proposals: [{auth: rsa}]\n", "f:4:22: auth: not supported by this version: rsa, expected psk"},
    {P "proposals: [{auth: none}]\n", "f:4:22: auth: 'none', expected one of: psk, rsa, ecdsa"},
    {P "proposals: [{lifetime: 59s}]\n", "f:4:26: lifetime: '59s', expected 1m to 1d"},
    {P "proposals: [{lifetime: 25h}]\n", "f:4:26: lifetime: '25h', expected 1m to 1d"},
    {P "proposals: [{lifetime: 3600}]\n",
     "f:4:26: lifetime: '3600' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
    {P "proposals: [{group: 19}, {group: 14}, {group: 19, lifetime: 1h}]\n",
     "f:4:41: the same proposal as item 1, expected another"},
    {P "certificates: {ca: [ca.pem], certificate: me.pem, private-key: me.key, crl: [ca.crl], revocation: "
       "crl}\n",
     "f:4:3: certificates: not supported by this version"},
    {P "certificates: {ca: [ca.pem], certificate: me.pem}\n",
     "f:4:3: certificates: the key 'private-key' is missing, expected it here"},
    {P "certificates: {ca: [ca.pem], certificate: me.pem, private-key: me.key, revocation: ocsp}\n",
     "f:4:86: revocation: 'ocsp', expected one of: none, crl"},
    {P "phase1-doi: gdoi\n", "f:2:1: ike: the key 'pre-shared-keys' is missing, expected it here"},
    {K "{secret: " SECRET "}\n", "f:5:5: the key 'peer' is missing, expected it here"},
    {K "{peer: 10.0.0.2}\n", "f:5:5: no secret, expected the key 'secret-file' or 'secret'"},
    {K "{peer: 10.0.0.2, secret: " SECRET ", secret-file: x}\n",
     "f:5:64: secret-file: stands beside secret, expected one of the two"},
    {K "{peer: \"fe80::1\", secret: " SECRET "}\n",
     "f:5:12: peer: 'fe80::1' is IPv6 and IKE runs over IPv4, expected an IPv4 address or prefix"},
    {K "{peer: 10.0.0.1/24, secret: " SECRET "}\n", "f:5:12: peer: '10.0.0.1/24', expected an IPv4 address, "
                                                    "or a prefix without host bits such as 10.0.0.0/24"},
    {K "{peer: gm1, secret: " SECRET "}\n", "f:5:12: peer: 'gm1' is no address, expected an IPv4 address"},
    {K "{peer: 10.0.0.2, secret: 0123456789abcde}\n", "f:5:30: secret: 15 octets, expected at least 16"},
    {K "{peer: 10.0.0.2, secret: \"\"}\n", "f:5:30: secret: nothing here, expected text"},
    {K "{peer: 10.0.0.2, secret-file: /nonexistent/x}\n",
     "f:5:22: secret-file: can't read '/nonexistent/x': No such file or directory, expected a file that "
     "holds the secret"},
    {K "{peer: 10.0.0.2, secret-file: /}\n", "f:5:22: secret-file: '/' isn't a regular file"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  - {peer: 10.0.0.2/32, secret: " SECRET "}\n",
     "f:6:5: the same peer, id and secret as item 1, expected another"},
    {P "phase1-doi: isakmp\n  pre-shared-keys: [{peer: 10.0.0.2, secret: " SECRET "}]\n",
     "f:4:15: phase1-doi: 'isakmp', expected one of: gdoi, ipsec"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  nat-traversal: true\n",
     "f:6:3: nat-traversal: not supported by this version"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  fragmentation: true\n",
     "f:6:3: fragmentation: not supported by this version"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  aggressive-mode: true\n",
     "f:6:3: aggressive-mode: not supported by this version"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  dpd: {interval: 15s, retries: 3}\n",
     "f:6:3: dpd: not supported by this version"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  dpd: {interval: 15}\n",
     "f:6:19: interval: '15' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
};

#define A "gvpn: 1\n" IKE

static const struct row policy_rows[] = {
    {A "acls: []\n" TAIL, "f:3:7: acls: a list, expected a map of keys"},
    {A "acls: {}\n" TAIL, "f:3:7: acls: nothing in it, expected at least one name"},
    {A "acls:\n  a b: [permit ip any any]\n" TAIL,
     "f:4:4: 'a b' is no name, expected letters, digits, '.', '_' and '-', first a letter or digit"},
    {A "acls: {a: []}\n" TAIL, "f:3:11: a: an empty list, expected at least one entry"},
    {A "acls:\n  a:\n  - allow ip any any\n" TAIL, "f:5:5: expected `permit` or `deny`"},
    {A "acls:\n  a:\n  - permit ipx any any\n" TAIL,
     "f:5:12: expected a protocol: ip, tcp, udp, icmp, icmpv6, esp, ospf, eigrp, pim, igmp, gre, vrrp, sctp, "
     "dccp, udplite or a number from 1 to 255"},
    {A "acls:\n  a:\n  - permit ip any any\n  - \"permit ip 10.0.0.1/8 any\"\n" TAIL,
     "f:6:16: the address has bits set behind the prefix length"},
    {A "acls:\n  a:\n  - permit ip 10.0.0.0 0.255.0.255 any\n" TAIL,
     "f:5:24: the wildcard mask must be zeros followed by ones, such as 0.0.0.255"},
    {A "acls:\n  a:\n  - permit ip any eq 80 any\n" TAIL, "f:5:19: ports need protocol tcp, udp, sctp, dccp or udplite"},
    {A "acls:\n  a:\n  - permit tcp any range 9 8 any\n" TAIL, "f:5:28: the range ends before it starts"},
    {A "acls:\n  a:\n  - permit ip any\n" TAIL,
     "f:5:18: expected an address: `any`, `host A`, `A/LENGTH` or `A WILDCARD-MASK`"},
    {A "acls:\n  a:\n  - permit ip any any log\n" TAIL, "f:5:23: expected the end of the entry"},
    {A "acls:\n  a:\n  - permit: ip any any\n" TAIL, "f:5:5: a map of keys, expected a single value"},
    {A "transform-sets: {t: {}}\n" TAIL, "f:3:18: t: the key 'suite' is missing, expected it here"},
    {A "transform-sets: {t: {suite: 3des-cbc/hmac-sha1-96}}\n" TAIL,
     "f:3:29: suite: 3des-cbc/hmac-sha1-96 is legacy, expected `legacy: true` at the top of the file for it"},
    {A "transform-sets: {t: {suite: null/hmac-sha512-256}}\n" TAIL,
     "f:3:29: suite: null/hmac-sha512-256 is legacy, expected `legacy: true` at the top of the file for it"},
    {A "transform-sets: {t: {suite: aes-gcm}}\n" TAIL,
     "f:3:29: suite: 'aes-gcm', expected one of: aes-gcm-128, aes-gcm-192, aes-gcm-256, aes-gmac-128, "
     "aes-gmac-192, aes-gmac-256, chacha20-poly1305, aes-cbc-128/hmac-sha1-96, aes-cbc-128/hmac-sha256-128, "
     "aes-cbc-128/hmac-sha384-192, aes-cbc-128/hmac-sha512-256, aes-cbc-192/hmac-sha1-96, "
     "aes-cbc-192/hmac-sha256-128, "
     "aes-cbc-192/hmac-sha384-192, aes-cbc-192/hmac-sha512-256, aes-cbc-256/hmac-sha1-96, "
     "aes-cbc-256/hmac-sha256-128, "
     "aes-cbc-256/hmac-sha384-192, aes-cbc-256/hmac-sha512-256, null/hmac-sha1-96, null/hmac-sha256-128, "
     "null/hmac-sha384-192, null/hmac-sha512-256, 3des-cbc/hmac-sha1-96"},
    {A "transform-sets: {t: {suite: aes-gcm-128, mode: beet}}\n" TAIL,
     "f:3:48: mode: 'beet', expected one of: tunnel, transport"},
    {A "profiles: {p: {lifetime: 1h}}\n" TAIL, "f:3:12: p: the key 'transform-set' is missing, expected it here"},
    {A "profiles: {p: {transform-set: t}}\n" TAIL, "f:3:31: transform-set: no transform-set is named 't', "
                                                   "expected the section transform-sets to define it"},
    {A "transform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: u}}\n" TAIL,
     "f:4:31: transform-set: no transform-set is named 'u', expected one of: t"},
    {A "transform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: t, lifetime: 119s}}\n" TAIL,
     "f:4:44: lifetime: '119s', expected 2m to 30d"},
    {A "transform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: t, lifetime: 31d}}\n" TAIL,
     "f:4:44: lifetime: '31d', expected 2m to 30d"},
    {"legacy: true\n" A "transform-sets: {t: {suite: 3des-cbc/hmac-sha1-96}}\nprofiles: {p: {transform-set: t, lifetime: "
                        "86401s}}\n" TAIL,
     "f:5:44: lifetime: more than 1d is for AES, expected 2m to 1d beside 3des-cbc/hmac-sha1-96"},
    {A "transform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: t, lifetime: 0s}}\n" TAIL,
     "f:4:44: lifetime: '0s', expected 2m to 30d"},
};

static const struct row group_rows[] = {
    {BASE "groups:\n- {identity: 1}\n", "f:7:3: the key 'name' is missing, expected it here"},
    {BASE "groups:\n- {name: g}\n", "f:7:3: the key 'identity' is missing, expected it here"},
    {BASE "groups:\n- {name: g, identity: 1}\n",
     "f:7:3: a group without a role, expected the key 'key-server' or 'member'"},
    {BASE "groups:\n- {name: g, identity: 1, key-server: {}, member: {}}\n",
     "f:7:42: member: stands beside key-server, expected one of the two"},
    {BASE "groups:\n- {name: abcdefghijklmnopqrstuvwxyz012345, identity: 1, member: {}}\n",
     "f:7:10: name: 32 octets of text, expected at most 31"},
    {BASE "groups:\n- {name: \"a b\", identity: 1, member: {}}\n",
     "f:7:12: name: 'a b' is no name, expected letters, digits, '.', '_' and '-', first a letter or digit"},
    {BASE "groups:\n- {name: g, identity: 4294967296, member: {}}\n",
     "f:7:23: identity: '4294967296', expected a number from 0 to 4294967295 or an IPv4 address"},
    {BASE "groups:\n- {name: g, identity: \"::1\", member: {}}\n",
     "f:7:23: identity: '::1', expected a number from 0 to 4294967295 or an IPv4 address"},
    {BASE "groups:\n- {name: g, identity: -1, member: {}}\n",
     "f:7:23: identity: '-1', expected a number from 0 to 4294967295 or an IPv4 address"},
    {BASE "groups:\n" GROUP1 "- {name: g, identity: 2, key-server: {address: 10.0.0.1, " SA "}}\n",
     "f:8:10: name: 'g' is the group of line 7 already"},
    {BASE "groups:\n" GROUP1 "- {name: h, identity: 1, key-server: {address: 10.0.0.1, " SA "}}\n",
     "f:8:23: identity: group 'g' has it already, expected another"},
    {BASE "groups:\n" GROUP1 "- {name: h, identity: 2, key-server: {address: 10.0.0.1, " SA "}}\n",
     "f:8:26: key-server: the key 'authorize' is missing, expected it in every group of a server of several"},
    {BASE "groups:\n" MEMBER1
          "- {name: n, identity: 3, member: {key-servers: [10.0.0.9], data-plane: {pair: w}}}\n",
     "f:8:79: pair: 'w' is bound to group 'm' already, expected another pair"},
};

static const struct row server_rows[] = {
    {BASE "groups:\n- {name: g, identity: 1, key-server: {" SA "}}\n",
     "f:7:26: key-server: the key 'address' is missing, expected it here"},
    {BASE "groups:\n- {name: g, identity: 1, key-server: {address: 10.0.0.5, " SA "}}\n",
     "f:7:48: address: '10.0.0.5' isn't listened on, expected an address of ike.listen"},
    {SERVER "receive-only: false\n", "f:9:3: key-server: the key 'sa' is missing, expected it here"},
    {SERVER "sa: []\n", "f:11:9: sa: too few items, expected at least 1"},
    {SERVER "sa: [{profile: p, acl: a, replay: none}]\n", "f:11:10: the key 'number' is missing, expected it here"},
    {SERVER "sa: [{number: 1, acl: a, replay: none}]\n", "f:11:10: the key 'profile' is missing, expected it here"},
    {SERVER "sa: [{number: 1, profile: p, replay: none}]\n", "f:11:10: the key 'acl' is missing, expected it here"},
    {SERVER "sa: [{number: 0, profile: p, acl: a, replay: none}]\n",
     "f:11:19: number: '0', expected a number from 1 to 65535"},
    {SERVER "sa: [{number: 65536, profile: p, acl: a, replay: none}]\n",
     "f:11:19: number: '65536', expected a number from 1 to 65535"},
    {SERVER "sa: [{number: 1, profile: q, acl: a, replay: none}]\n",
     "f:11:31: profile: no profile is named 'q', expected one of: p"},
    {SERVER "sa: [{number: 1, profile: p, acl: c, replay: none}]\n",
     "f:11:39: acl: no acl is named 'c', expected one of: a, b"},
    {SERVER "sa: [{number: 1, profile: p, acl: a}]\n", "f:11:10: the key 'replay' is missing, expected it here"},
    {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {time: 101s}}]\n",
     "f:11:57: time: '101s', expected 1s to 100s"},
    {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {time: 1s, counter: 64}}]\n",
     "f:11:50: replay: expected one of the keys 'time' and 'counter'"},
    {SERVER "sa: [{number: 1, profile: p, acl: a, replay: off}]\n",
     "f:11:50: replay: 'off', expected none, {time: DURATION} or {counter: PACKETS}"},
    {SERVER "sa:\n    - {number: 1, profile: p, acl: a, replay: none}\n    - {number: 1, profile: p, acl: b, "
            "replay: none}\n",
     "f:13:16: number: 1 is used already, expected another"},
    {SERVER "rekey: {lifetime: 24h}\n    " SA "\n", "f:11:5: rekey: the key 'signing-key' is missing, expected it here"},
    {SERVER "rekey: {transport: unicast}\n    " SA "\n", "f:11:5: rekey: the key 'signing-key' is missing, expected it here"},
    {SERVER "rekey: {transport: unicast, signing-key: /nonexistent/r.pem}\n    " SA "\n",
     "f:11:33: signing-key: can't read '/nonexistent/r.pem': No such file or directory, expected a file that holds the "
     "secret"},
    {SERVER "rekey: {signing-key: r.pem, retransmit: {interval: 9s}}\n    " SA "\n",
     "f:11:56: interval: '9s', expected 10s to 1m"},
    {SERVER "rekey: {signing-key: r.pem, multicast: {destination: 10.0.0.1}}\n    " SA "\n",
     "f:11:58: destination: '10.0.0.1', expected a multicast address"},
    {SERVER SA "\n    receive-only: yes\n", "f:12:19: receive-only: 'yes', expected true or false"},
    {SERVER SA "\n    sender-id-bits: 7\n", "f:12:21: sender-id-bits: '7', expected a number from 8 to 32"},
    {SERVER SA "\n    sender-id-bits: 33\n", "f:12:21: sender-id-bits: '33', expected a number from 8 to 32"},
    {SERVER SA "\n    cooperative: {priority: 100, peers: [10.0.0.9]}\n",
     "f:12:5: cooperative: not supported by this version"},
    {SERVER SA "\n    cooperative: {priority: 100, peers: [10.0.0.9], number: 8}\n",
     "f:12:61: number: '8', expected a number from 0 to 7"},
    {SERVER SA "\n    interop: {push-signature: bare-hash}\n",
     "f:12:5: interop: not supported by this version"},
    {SERVER SA "\n    authorize: {}\n", "f:12:5: authorize: the key 'addresses' is missing, expected it here"},
    {SERVER SA "\n    authorize: {addresses: [deny any], identities: [\"ou=GETVPN\"]}\n",
     "f:12:40: identities: not supported by this version"},
    {SERVER SA "\n    authorize: {addresses: []}\n",
     "f:12:28: addresses: an empty list, expected at least one entry"},
    {SERVER SA "\n    authorize: {addresses: [allow any]}\n",
     "f:12:29: 'allow any', expected `permit ADDRESS` or `deny ADDRESS`"},
    {SERVER SA "\n    authorize: {addresses: [permit]}\n",
     "f:12:35: expected an address: any, host A, A or A/LENGTH"},
    {SERVER SA "\n    authorize: {addresses: [permit 10.0.0.1/24]}\n",
     "f:12:36: the address has bits set behind the prefix length"},
    {SERVER SA "\n    authorize: {addresses: [permit any any]}\n", "f:12:40: expected the end of the entry"},
};

static const struct row member_rows[] = {
    {BASE "groups:\n- {name: g, identity: 1, member: {data-plane: {pair: w}}}\n",
     "f:7:26: member: the key 'key-servers' is missing, expected it here"},
    {MEMBER "direction: both\n", "f:9:3: member: the key 'data-plane' is missing, expected it here"},
    {BASE "groups:\n- {name: g, identity: 1, member: {key-servers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, "
          "1.1.1.5, 1.1.1.6, "
          "1.1.1.7, 1.1.1.8, 1.1.1.9]}}\n",
     "f:7:121: too many items, expected at most 8"},
    {BASE "groups:\n- {name: g, identity: 1, member: {key-servers: [1.1.1.1, 1.1.1.1]}}\n",
     "f:7:58: '1.1.1.1' stands twice, expected it once"},
    {BASE "groups:\n- {name: g, identity: 1, member: {key-servers: [\"2001:db8::9\"]}}\n",
     "f:7:49: '2001:db8::9' is IPv6 and IKE runs over IPv4, expected an IPv4 address"},
    {BASE "groups:\n- {name: g, identity: 1, member: {key-servers: [10.0.0.1]}}\n",
     "f:7:49: '10.0.0.1' is this machine's own (ike.listen), expected a key server's"},
    {MEMBER "data-plane: {}\n", "f:11:5: data-plane: the key 'pair' is missing, expected it here"},
    {MEMBER "data-plane: {pair: w, vlan: 4095}\n", "f:11:33: vlan: '4095', expected a number from 1 to 4094"},
    {MEMBER "data-plane: {pair: w, vlan: 0}\n", "f:11:33: vlan: '0', expected a number from 1 to 4094"},
    {MEMBER "data-plane: {pair: w, vlan: {}}\n", "f:11:33: vlan: a map of keys, expected a single value"},
    {MEMBER "data-plane: {pair: w, vlan: []}\n", "f:11:33: vlan: too few items, expected at least 1"},
    {MEMBER "data-plane: {pair: w, vlan: [10, 20, 10]}\n", "f:11:42: '10' stands twice, expected it once"},
    {MEMBER "data-plane: {pair: []}\n", "f:11:24: pair: too few items, expected at least 1"},
    {MEMBER "data-plane: {pair: {}}\n", "f:11:24: pair: a map of keys, expected a single value"},
    {MEMBER "data-plane: {pair: [w, v, w]}\n", "f:11:31: 'w' stands twice, expected it once"},
    {MEMBER "data-plane: {pair: [w, /]}\n",
     "f:11:28: '/' is no name, expected letters, digits, '.', '_' and '-', first a letter or digit"},
    {MEMBER "data-plane: {pair: [a, b, c, d, e, f, g, h], vlan: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n",
     "f:11:56: vlan: 8 pairs with 9 VLANs each, expected at most 64 places in one group"},
    {BASE "groups:\n- {name: m, identity: 2, member: {key-servers: [10.0.0.9], data-plane: {pair: w, vlan: 10}}}\n"
          "- {name: n, identity: 3, member: {key-servers: [10.0.0.9], data-plane: {pair: w, vlan: 10}}}\n",
     "f:8:88: vlan: VLAN 10 of 'w' is bound to group 'm' already, expected another"},
    {BASE "groups:\n- {name: m, identity: 2, member: {key-servers: [10.0.0.9], data-plane: {pair: w, vlan: 10}}}\n"
          "- {name: n, identity: 3, member: {key-servers: [10.0.0.9], data-plane: {pair: [v, w], vlan: [9, 10]}}}\n",
     "f:8:97: VLAN 10 of 'w' is bound to group 'm' already, expected another"},
    {BASE "groups:\n- {name: m, identity: 2, member: {key-servers: [10.0.0.9], data-plane: {pair: [v, w]}}}\n"
          "- {name: n, identity: 3, member: {key-servers: [10.0.0.9], data-plane: {pair: [x, w]}}}\n",
     "f:8:83: 'w' is bound to group 'm' already, expected another pair"},
    {MEMBER PAIR "direction: out\n", "f:12:16: direction: 'out', expected one of: both, passive"},
    {MEMBER PAIR "fail-close: true\n", "f:12:17: fail-close: a single value, expected a map of keys"},
    {MEMBER PAIR "fail-close: {revert: 1}\n", "f:12:26: revert: '1', expected true or false"},
    {MEMBER PAIR "fail-close: {enabled: false, revert: true}\n",
     "f:12:42: revert: 'true' needs fail-close, expected false beside `enabled: false`"},
    {MEMBER PAIR "fail-close: {allow: [permit tcp any eq 22 any]}\n",
     "f:12:26: a permit entry, expected `deny ...` for what may pass in clear"},
    {MEMBER PAIR "fail-close: {allow: [deny tcp any eq ssh any]}\n",
     "f:12:42: expected a port number from 0 to 65535"},
    {MEMBER PAIR "unprotected: pass\n", "f:12:18: unprotected: 'pass', expected one of: drop, clear"},
    {MEMBER PAIR "local-acl: c\n", "f:12:16: "},
    {MEMBER PAIR "accept: {suites: [aes-gcm-128, aes-gcm-192, aes-gcm-256, aes-gmac-128, aes-gmac-192, aes-gmac-256, "
                 "chacha20-poly1305]}\n",
     "f:12:104: too many items, expected at most 6"},
    {MEMBER PAIR "accept: {suites: [des]}\n", "f:12:23: 'des', expected a suite such as aes-gcm-256"},
    {MEMBER PAIR "track: {link-loss-forwarding: true}\n",
     "f:12:13: link-loss-forwarding: not supported by this version"},
    {MEMBER PAIR "track: {link-loss-forwarding: false, hook: /etc/x}\n",
     "f:12:42: hook: not supported by this version"},
    {MEMBER PAIR "track: {hold: 2}\n",
     "f:12:19: hold: '2' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
    {MEMBER PAIR "track: {interface: gvpn-track0}\n", "f:12:13: interface: not supported by this version"},
};

/* What is refused later on is checked as exactly: the first value outside of each range. */
#define REKEY(text) SERVER "rekey: {signing-key: r.pem, " text "}\n    " SA "\n"

static const struct row later_rows[] = {
    {REKEY("transport: broadcast"), "f:11:44: transport: 'broadcast', expected one of: multicast, unicast"},
    {REKEY("lifetime: 299s"), "f:11:43: lifetime: '299s', expected 5m to 30d"},
    {REKEY("lifetime: 2592001s"), "f:11:43: lifetime: '2592001s', expected 5m to 30d"},
    {REKEY("encryption: des"),
     "f:11:45: encryption: 'des', expected one of: aes-128, aes-192, aes-256, 3des"},
    {REKEY("hash: md5"), "f:11:39: hash: 'md5', expected one of: sha1, sha256, sha384, sha512"},
    {REKEY("retransmit: {interval: 61s}"), "f:11:56: interval: '61s', expected 10s to 1m"},
    {REKEY("retransmit: {count: 11}"), "f:11:53: count: '11', expected a number from 0 to 10"},
    {REKEY("waves: {members: 0}"), "f:11:50: members: '0', expected a number from 1 to 10000"},
    {REKEY("waves: {members: 10001}"), "f:11:50: members: '10001', expected a number from 1 to 10000"},
    {REKEY("waves: {interval: 0s}"), "f:11:51: interval: '0s', expected 1s to 1m"},
    {REKEY("waves: {interval: 61s}"), "f:11:51: interval: '61s', expected 1s to 1m"},
    {REKEY("acknowledgement: all"), "f:11:50: acknowledgement: 'all', expected one of: rfc8263, none"},
    {REKEY("encryption: 3des"), "f:11:45: encryption: 3des is legacy (blocks of 64 bits: CVE-2016-2183), expected `legacy: "
                                "true` at the top of the file for it"},
    {REKEY("hash: sha1"), "f:11:39: hash: sha1 is legacy (signatures with it can be forged: CVE-2005-4900), expected `legacy: "
                          "true` at the top of the file for it"},
    {REKEY("multicast: {destination: \"ff05::1\"}"),
     "f:11:58: destination: 'ff05::1' is IPv6 and IKE runs over IPv4, expected an IPv4 multicast address"},
    {REKEY("multicast: {port: 848}"), "f:11:33: multicast: the key 'destination' is missing, expected it here"},
    {REKEY("multicast: {destination: 239.0.0.1, port: 0}"),
     "f:11:75: port: '0', expected a number from 1 to 65535"},
    {REKEY("multicast: {destination: 239.0.0.1, port: 65536}"),
     "f:11:75: port: '65536', expected a number from 1 to 65535"},
    {SERVER SA "\n    cooperative: {peers: [10.0.0.9]}\n",
     "f:12:5: cooperative: the key 'priority' is missing, expected it here"},
    {SERVER SA "\n    cooperative: {priority: 1}\n", "f:12:5: cooperative: the key 'peers' is missing, expected it here"},
    {SERVER SA "\n    cooperative: {priority: 0, peers: [10.0.0.9]}\n",
     "f:12:29: priority: '0', expected a number from 1 to 65535"},
    {SERVER SA "\n    cooperative: {priority: 65536, peers: [10.0.0.9]}\n",
     "f:12:29: priority: '65536', expected a number from 1 to 65535"},
    {SERVER SA "\n    cooperative: {priority: 1, peers: [ks2]}\n",
     "f:12:40: 'ks2' is no address, expected an IPv4 address"},
    {SERVER SA "\n    pseudotime-sync: 59s\n", "f:12:22: pseudotime-sync: '59s', expected 1m to 2h"},
    {SERVER SA "\n    pseudotime-sync: 7201s\n", "f:12:22: pseudotime-sync: '7201s', expected 1m to 2h"},
    {SERVER SA "\n    interop: {push-signature: none}\n",
     "f:12:31: push-signature: 'none', expected one of: bare-hash, padded-length"},
    {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {counter: 63}}]\n",
     "f:11:60: counter: '63', expected a number from 64 to 4096"},
    {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {counter: 4097}}]\n",
     "f:11:60: counter: '4097', expected a number from 64 to 4096"},
    {P "certificates: {certificate: me.pem, private-key: me.key}\n",
     "f:4:3: certificates: the key 'ca' is missing, expected it here"},
    {P "certificates: {ca: [ca.pem], private-key: me.key}\n",
     "f:4:3: certificates: the key 'certificate' is missing, expected it here"},
    {K "{peer: 10.0.0.2, secret: " SECRET "}\n  dpd: {retries: 0}\n",
     "f:6:18: retries: '0', expected a number from 1 to 20"},
    {MEMBER PAIR "accept: {rekey-encryption: [des]}\n",
     "f:12:33: 'des', expected one of: aes-128, aes-192, aes-256, 3des"},
    {MEMBER PAIR "accept: {rekey-hash: [md5]}\n",
     "f:12:27: 'md5', expected one of: sha1, sha256, sha384, sha512"},
    {MEMBER PAIR "accept: {suites: []}\n", "f:12:22: suites: too few items, expected at least 1"},
    {MEMBER PAIR "local-acl: a b\n",
     "f:12:17: local-acl: 'a b' is no name, expected letters, digits, '.', '_' and '-', "
     "first a letter or digit"},
    {MEMBER PAIR "track: {hold: 2s}\n", "f:12:13: hold: not supported by this version"},
    {MEMBER PAIR "track: {hold: 31d}\n", "f:12:19: hold: '31d', expected 1s to 30d"},
    {MEMBER PAIR "interop: {push-signature: none}\n",
     "f:12:31: push-signature: 'none', expected one of: bare-hash, padded-length"},
};

/* Only while the data plane lacks it: see common/feature.h. What then counts is config_replay_test's. */
static const struct {
    uint64_t feature;
    struct row row;
} waiting_rows[] = {
    {FEATURE_TRANSPORT, {A "transform-sets: {t: {suite: aes-gcm-128, mode: transport}}\n" TAIL,
     "f:3:48: mode: not supported by this version: transport, expected tunnel"}},
    {FEATURE_TIME_REPLAY, {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {time: 100s}}]\n",
     "f:11:42: replay: not supported by this version"}},
    {FEATURE_COUNTER_REPLAY, {SERVER "sa: [{number: 1, profile: p, acl: a, replay: {counter: 64}}]\n",
     "f:11:42: replay: not supported by this version"}},
    {FEATURE_TAG, {SERVER "sa: [{number: 1, profile: p, acl: a, replay: none, tag: sgt}]\n",
     "f:11:61: tag: not supported by this version: sgt, expected none"}},
    {FEATURE_STRICT_SENDER, {SERVER "sa: [{number: 1, profile: p, acl: a, replay: none, strict-sender: true}]\n",
     "f:11:56: strict-sender: not supported by this version"}},
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct yaml_error e;
        struct config *c = config_parse("f", rows[i].text, strlen(rows[i].text), &e);
        size_t len = strlen(rows[i].want);
        bool open_end = len && rows[i].want[len - 1] == ' '; /* the row gives the beginning only */

        if (c)
            fail_msg("%s\naccepted, wanted: %s", rows[i].text, rows[i].want);
        if (open_end ? strncmp(e.text, rows[i].want, len) : strcmp(e.text, rows[i].want))
            fail_msg("%s\nwanted: %s\n   got: %s", rows[i].text, rows[i].want, e.text);
    }
}

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void waiting(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(waiting_rows); i++)
        if (!feature_supported(waiting_rows[i].feature))
            check_rows(&waiting_rows[i].row, 1);
}

static void top(void **state)
{
    (void)state;
    check_rows(top_rows, N(top_rows));
}

static void ike(void **state)
{
    (void)state;
    check_rows(ike_rows, N(ike_rows));
}

static void policy(void **state)
{
    (void)state;
    check_rows(policy_rows, N(policy_rows));
}

static void groups(void **state)
{
    (void)state;
    check_rows(group_rows, N(group_rows));
}

static void servers(void **state)
{
    (void)state;
    check_rows(server_rows, N(server_rows));
}

static void members(void **state)
{
    (void)state;
    check_rows(member_rows, N(member_rows));
}

static void what_comes_later(void **state)
{
    (void)state;
    check_rows(later_rows, N(later_rows));
}

/* What the rows above start from is right as it stands. */
static void the_words_of_the_rows_are_right(void **state)
{
    static const char *const texts[] = {BASE TAIL, SERVER SA "\n", MEMBER PAIR "direction: both\n",
                                        BASE "groups:\n" MEMBER1};
    struct yaml_error e;

    (void)state;
    for (size_t i = 0; i < N(texts); i++) {
        struct config *c = config_parse("f", texts[i], strlen(texts[i]), &e);

        if (!c)
            fail_msg("%s\n%s", texts[i], e.text);
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_the_rows_are_right),
        cmocka_unit_test(top),
        cmocka_unit_test(ike),
        cmocka_unit_test(policy),
        cmocka_unit_test(groups),
        cmocka_unit_test(servers),
        cmocka_unit_test(members),
        cmocka_unit_test(waiting),
        cmocka_unit_test(what_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
