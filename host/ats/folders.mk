# SPDX-License-Identifier: Apache-2.0
#
# The folders of the shim's sources and headers, for this Makefile and those of the tests and benchmarks. No two files have one name.

FOLDERS := account hook plugin symbol
