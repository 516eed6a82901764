// SPDX-License-Identifier: Apache-2.0
//
// Makes the smallest MaxMind database: one record, for every IPv4 address (maxmind.github.io/MaxMind-DB describes the format).

type Value = string | { map: [string, Value][] } | { list: Value[] } | { uint: 16 | 32 | 64; value: number };

/** The numbers of the types; those above 7 are in a byte of their own. */
const TYPES = { string: 2, map: 7, list: 11, 16: 5, 32: 6, 64: 9 };

/** Its head, with a size below 29. */
function head(type: number, size: number): Buffer {
  return type <= 7 ? Buffer.from([(type << 5) | size]) : Buffer.from([size, type - 7]);
}

function encoded(value: Value): Buffer {
  if (typeof value === "string") return Buffer.concat([head(TYPES.string, value.length), Buffer.from(value)]);
  if ("map" in value) return Buffer.concat([head(TYPES.map, value.map.length), ...value.map.flat().map(encoded)]);
  if ("list" in value) return Buffer.concat([head(TYPES.list, value.list.length), ...value.list.map(encoded)]);
  const bytes: number[] = [];
  for (let rest = value.value; rest; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.concat([head(TYPES[value.uint], bytes.length), Buffer.from(bytes)]);
}

/** A database whose record has no country. */
export function databaseWithoutCountries(): Buffer {
  // One node. Both of its records point to the data: number of nodes, size of the separator, offset 0.
  const node = Buffer.from([0, 0, 1 + 16, 0, 0, 1 + 16]);
  const metadata: [string, Value][] = [
    ["binary_format_major_version", { uint: 16, value: 2 }],
    ["binary_format_minor_version", { uint: 16, value: 0 }],
    ["build_epoch", { uint: 64, value: 1_700_000_000 }],
    ["database_type", "none"],
    ["description", { map: [] }],
    ["ip_version", { uint: 16, value: 4 }],
    ["languages", { list: [] }],
    ["node_count", { uint: 32, value: 1 }],
    ["record_size", { uint: 16, value: 24 }],
  ];
  return Buffer.concat([
    node,
    Buffer.alloc(16),
    encoded({ map: [["continent", "EU"]] }),
    Buffer.from("abcdef", "hex"),
    Buffer.from("MaxMind.com"),
    encoded({ map: metadata }),
  ]);
}
