/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the code runs many times in each request stands side by side: between two events the server runs so much of its own that
 * neither the page nor the line is remembered, and fewer of them are fewer to be fetched again.
 */
#ifndef MEMTRACK_HOT_H
#define MEMTRACK_HOT_H

#define HOT_ __attribute__((section(".text.hot")))

#endif
