// SPDX-License-Identifier: Apache-2.0
//
// The plugin's host as a benchmark sees it: opened, its hooks installed as the plugin installs them, and a dump.
#ifndef HOST_H
#define HOST_H

#include <stddef.h>
#include <stdint.h>

// Opens the accounting for `sites`, once per program. Ends the program where that fails, as the others do.
void host_open(uint32_t sites);

// From then on a call of the built-in's increment, from any module but the host, comes to us.
void host_install_iobuffer(void);

// From then on libcrypto's allocations come to us.
void host_install_openssl(void);

// From then on the hooks of what plugins call account. What a plugin's, and the server's, slot of a symbol would hold.
void host_arm_plugins(void);
void *host_plugin_hook(const char *symbol);
void *host_server_hook(const char *symbol);

// A dump of what was counted, to a file descriptor. Returns its size.
size_t host_dump(int fd);

// Allocations and releases accounted so far.
uint64_t host_total(void);

// Linear memory of a shard, bytes.
uint64_t host_shard_size(void);

#endif
