// SPDX-License-Identifier: Apache-2.0
//
// The plugins that come with Traffic Server, with settings that make each of them work: for tests, captures and the soak. Debian's server
// has all of them. Another one has those that it was built with; the others are left out of what is asked for.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Origin } from "./origin.ts";
import { recordsText, recordText } from "./records.ts";
import { installedServer, withoutRunRoot } from "./server.ts";

/** Lines of plugin.config, by plugin. FILES is the folder of the files below. (esi can be loaded once, slice takes every request.) */
export const GLOBAL: Record<string, string> = {
  acme: "",
  background_fetch: "",
  block_errors: "",
  cache_key_genid: "FILES/genid.kch",
  cache_range_requests: "",
  cachekey: "",
  cert_reporting_tool: "",
  // The first connection of each name must be alone: of two, one uses a context that the other frees, and the server ends.
  certifier: "--sign-cert=FILES/ca.pem --sign-key=FILES/ca.key --sign-serial=FILES/serial --store=FILES/certificates --max=100",
  collapsed_forwarding: "",
  combo_handler: "",
  compress: "",
  custom_redirect: "",
  fq_pacing: "",
  header_freq: "",
  header_rewrite: "FILES/header_rewrite.config",
  healthchecks: "FILES/healthchecks.config",
  inliner: "", // idle: for HTML it sometimes keeps an event thread busy forever
  ja3_fingerprint: "",
  libloader: "",
  memory_profile: "",
  money_trace: "",
  rate_limit: "SNI=localhost --limit=100000",
  redo_cache_lookup: "", // idle: with its argument it aborts the server (an assertion) when combined with plugins that redirect
  regex_revalidate: "--config FILES/regex_revalidate.config",
  remap_stats: "",
  server_push_preload: "",
  ssl_session_reuse: "", // idle: it needs Redis
  sslheaders: "SSL-Client-ID=client.subject",
  stats_over_http: "",
  stream_editor: "",
  system_stats: "",
  tcpinfo: "--log-file=tcpinfo --hooks=txn_start,send_resp_hdr",
  tls_bridge: "nowhere.example 127.0.0.1:1",
  traffic_dump: "--logdir FILES/dump --sample 1",
  tslua: "FILES/script.lua",
  tsmemcache: "", // idle: it would use a fixed port
  xdebug: "",
};

/** Those that differ from version 10 on. */
const GLOBAL_10: Record<string, string> = { xdebug: "--enable=x-cache,x-remap" };

/** Parameters in remap.config, by plugin. Each plugin has its own rule, for /NAME/. */
export const REMAP: Record<string, string[]> = {
  access_control: ["--symmetric-keys-map=FILES/keys.txt"],
  background_fetch: [],
  cache_fill: [],
  cache_promote: ["--policy=lru", "--hits=2", "--buckets=100"],
  cache_range_requests: [],
  cachekey: [],
  collapsed_forwarding: [],
  combo_handler: [],
  compress: [],
  conf_remap: ["FILES/conf_remap.config"],
  cookie_remap: ["FILES/cookie_remap.yaml"],
  escalate: [],
  esi: [],
  generator: [],
  header_rewrite: ["FILES/header_rewrite.config"],
  http_stats: [],
  ja3_fingerprint: [],
  money_trace: [],
  mp4: [],
  multiplexer: [],
  parent_select: ["FILES/strategies.yaml", "only"],
  prefetch: [],
  rate_limit: [],
  regex_remap: ["FILES/regex_remap.config"],
  remap_purge: ["--secret=x", "--state-file=FILES/purge.state"],
  origin_server_auth: ["--access_key=a", "--secret_key=b", "--version=2"], // the name of s3_auth from version 10 on
  s3_auth: ["--access_key=a", "--secret_key=b", "--version=2"],
  slice: [],
  statichit: ["--file-path=FILES/status", "--mime-type=text/plain"],
  tslua: ["FILES/script.lua"],
  uri_signing: ["FILES/uri_signing.json"],
  url_sig: ["FILES/url_sig.config"],
};

/** Paths answered by plugins that do not forward requests; the others are requested with PATHS. */
export const OWN_PATHS: Record<string, string[]> = { generator: ["cache/1000/1", "nocache/5000/2"], statichit: [""] };
export const PATHS = [
  "size/100",
  "size/5000?cache=600",
  "size/70000?type=text/plain&cache=600",
  "size/300?type=text/plain&chunked",
];

/** Plugins that cannot be loaded here, even without memtrack. */
export const LEFT_OUT: Record<string, string> = {
  authproxy: "asks a service whether a request is allowed, and without one answers 403 now and then",
  geoip_acl: "Debian's is built without a library for it: TSRemapInit fails",
  "hook-trace": "ends the server now and then (ProxySession.cc:129), when its one mutex is busy where a session starts",
  icap: "needs an ICAP server for every response",
  maxmind_acl: "needs a MaxMind database",
  metalink: "ends the server at the first response that it would cache (TSCacheWrite asserts)",
  mysql_remap: "cannot be loaded: undefined symbol iniparser_load",
};

/** Plugins that every request passes unharmed, whatever its client does and however often their configuration is loaded. */
export const ROBUST = {
  global: [
    "background_fetch",
    "cert_reporting_tool",
    "compress",
    "fq_pacing",
    "header_freq",
    "header_rewrite",
    "ja3_fingerprint",
    "money_trace",
    "remap_stats",
    "sslheaders",
    "stats_over_http",
    "stream_editor",
    "system_stats",
    "tcpinfo",
    "xdebug",
  ],
  remap: [
    "cache_promote",
    "cachekey",
    "collapsed_forwarding",
    "conf_remap",
    "escalate",
    "esi",
    "generator",
    "header_rewrite",
    "rate_limit",
    "regex_remap",
    "s3_auth",
    "slice",
    "tslua",
  ],
};

const SIGNING_KEY = "nxb7fyO5Z2hGz9E3oKm1357ptvC2st5stuWqy8gyQsA";
const FILES: Record<string, string> = {
  "header_rewrite.config": "cond %{SEND_RESPONSE_HDR_HOOK}\nset-header X-Rewritten yes\n",
  "cookie_remap.yaml": "op:\n  cookie: SessionID\n  operation: exists\n  sendto: ORIGIN\n",
  "healthchecks.config": "/health FILES/status text/plain 200 404\n",
  status: "OK\n",
  "strategies.yaml": `hosts:
  - &origin
    host: localhost
    protocol:
      - {scheme: http, port: PORT}
groups:
  - &all
    - <<: *origin
      weight: 1.0
strategies:
  - strategy: only
    policy: consistent_hash
    hash_key: path
    go_direct: true
    groups: [*all]
    scheme: http
    failover: {ring_mode: exhaust_ring, response_codes: [404]}
`,
  "regex_remap.config": "^/old/(.*)$ ORIGIN$1\n",
  "regex_revalidate.config": "http://127.0.0.1/never/.* 4000000000\n",
  "script.lua": `function do_remap()
  local kept = {}
  for i = 1, 100 do kept[i] = tostring(i) end
  ts.client_request.header['X-Lua'] = kept[100]
  return 0
end
function do_global_read_request()
  ts.client_request.header['X-Lua-Global'] = '1'
  return 0
end
`,
  "uri_signing.json": JSON.stringify({
    issuer: { renewal_kid: "one", keys: [{ alg: "HS256", kid: "one", kty: "oct", k: SIGNING_KEY }] },
  }),
  "url_sig.config": "key0 = hV3wqyq1QxJeF76JkzHf93tuLYv_abw5\nerror_url = 403\n",
  "keys.txt": "one=secret\n",
  serial: "1\n",
};

/** The path of an installed plugin, with or without a file there. */
export function bundled(name: string): string {
  return join(installedServer().plugins, `${name}.so`);
}

/** Why a test that needs these plugins is skipped: the server has not all of them, or cannot load one. Otherwise false. */
export function lacksPlugins(...names: string[]): string | false {
  const faults = names.flatMap((name) => faultOf(name) ?? []);
  return faults.length ? `Traffic Server ${installedServer().name} ${faults.join(", and ")}` : false;
}

const faults = new Map<string, string | undefined>();

/** What stands between the server and a plugin. Debian's plugins that cannot be loaded are in LEFT_OUT. */
function faultOf(name: string): string | undefined {
  if (!existsSync(bundled(name))) return `has no ${name}.so`;
  if (installedServer().prefix === undefined) return undefined;
  if (!faults.has(name)) faults.set(name, loadFault(name));
  return faults.get(name);
}

/** A plugin may need what was not linked into this server: has the loader find all symbols, as when the server loads it. */
function loadFault(name: string): string | undefined {
  const env = { ...withoutRunRoot(), LD_BIND_NOW: "1", LD_PRELOAD: bundled(name) };
  const { status, stderr } = spawnSync(join(installedServer().bin, "traffic_server"), ["--version"], { env, encoding: "utf8" });
  if (status === 0) return undefined;
  return `cannot load ${name}.so (${/undefined symbol: \S+/.exec(stderr)?.[0] ?? `status ${status}`})`;
}

export interface BundledPlugins {
  /** Those of them that the server has. */
  names: { global: string[]; remap: string[] };

  /** Lines of plugin.config. */
  global: string[];
  /** Lines of remap.config: each plugin has its own rule, for /NAME/. */
  remap: string[];
  /** Removes their files. */
  remove(): void;
}

/** Writes the files that the plugins read. */
export function bundledPlugins(
  origin: Origin,
  { global, remap } = { global: Object.keys(GLOBAL), remap: Object.keys(REMAP) },
): BundledPlugins {
  const has = (name: string) => !lacksPlugins(name);
  const names = { global: global.filter(has), remap: remap.filter(has) };
  const folder = mkdtempSync(join(tmpdir(), "memtrack-files-"));
  const filled = (text: string): string =>
    text.replaceAll("FILES", folder).replaceAll("ORIGIN", origin.url).replaceAll("PORT", String(origin.port));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), filled(text));
  writeFileSync(
    join(folder, "conf_remap.config"),
    recordsText(new Map([["proxy.config.url_remap.pristine_host_hdr", recordText(1)]])),
  );
  const lines = installedServer().recordsFile === "records.yaml" ? { ...GLOBAL, ...GLOBAL_10 } : GLOBAL;
  for (const name of ["dump", "certificates"]) mkdirSync(join(folder, name));
  const [key, cert] = [join(folder, "ca.key"), join(folder, "ca.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=memtrack's tests"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert], { stdio: "ignore" });
  // The server reads and writes here as its own user.
  for (const name of ["", "dump", "certificates", "ca.key", "serial"]) chmodSync(join(folder, name), 0o777);
  const rule = (name: string): string => {
    const parameters = REMAP[name]!.map((text) => `@pparam=${filled(text)}`);
    return [`map /${name}/ ${origin.url}`, `@plugin=${bundled(name)}`, ...parameters].join(" ");
  };
  return {
    names,
    global: names.global.map((name) => `${name}.so ${filled(lines[name]!)}`.trimEnd()),
    remap: names.remap.map(rule),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
