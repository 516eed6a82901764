// SPDX-License-Identifier: Apache-2.0
//
// The plugin's host for a benchmark: opened, with its hooks installed like the plugin does, and a dump.
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Opens the accounting for `sites`, once per program. On failure ends the program, like the functions below.
void host_open(uint32_t sites);

// From then on calls of the built-in's increment from any module except the host go to memtrack.
void host_install_iobuffer(void);

// From then on libcrypto's allocations go to memtrack.
void host_install_openssl(void);

// From then on the hooks of plugins' calls count. Return the function that a plugin's, and the server's, slot of a symbol would
// hold.
void host_arm_plugins(void);
void *host_plugin_hook(const char *symbol);
void *host_server_hook(const char *symbol);

// The server's own heap is counted as well. This program is the server.
void host_arm_server(void);

// Writes a dump of the counts to a file descriptor. Returns its size.
size_t host_dump(int fd);

// From then on the built-in tracker counts along, and a dump of all classes compares. After host_install_iobuffer().
void host_verify(void);
void host_dump_verified(int fd);

// Number of allocations and releases counted so far.
uint64_t host_total(void);

// Linear memory of a shard in bytes.
uint64_t host_shard_size(void);

// A search instance that watches `count` sites from `first` on; a pass of it, whose window the first function returns; a copy as it
// is made into that; a block that it finds; a line on what it found.
void host_search_open(uint32_t first, uint32_t count, uint32_t births, uint32_t epoch);
void *host_search_begin(void);
void host_peek(void *to, const void *from, size_t size);
void host_search_piece(uint64_t address, uint32_t length, bool unaligned);
void host_search_end(bool complete);
void host_search_tag(void *block, uint64_t usable, uint32_t birth);
void host_search_report(void);

#endif
