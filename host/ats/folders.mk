# SPDX-License-Identifier: Apache-2.0
#
# The rooms of the shim, from the lowest to the highest: a file includes headers of its own room and of lower ones, by their room. No two files have one name.

FOLDERS := base symbol core module server owner hook dump control
