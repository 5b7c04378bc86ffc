/* SPDX-License-Identifier: BSD-3-Clause */
/* `gvpnctl tech-support`: every view in one document, to hand to somebody who helps. No view shows a secret. */
#ifndef GVPN_TOOLS_CTL_SUPPORT_H
#define GVPN_TOOLS_CTL_SUPPORT_H

/*
 * Asks gvpnd for all views and prints them one after another, or as one JSON document. A view that fails stands there with
 * its error. Returns gvpnctl's exit code: CTL_UNREACHABLE when not even the first was answered, else CTL_OK.
 */
int support_print(const char *socket_path, int as_json);

#endif
