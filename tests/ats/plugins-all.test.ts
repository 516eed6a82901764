// SPDX-License-Identifier: Apache-2.0
//
// On a real server: all of Debian's plugins, loaded together with memtrack, with traffic through each. Their own correctness is not
// assumed: the server must serve as without memtrack, and every dump must be valid.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats, trafficLayout, type AtsOptions } from "../../harness/ats.ts";
import { mixed, MIXED_PATHS } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, ownerOf, rowsOf, settled } from "../support/corpus.ts";

const MODULES = trafficLayout().PLUGINDIR!;

/** Lines of plugin.config, by plugin. FILES is the folder of the files below. (esi can be loaded once, slice takes every request.) */
const GLOBAL: Record<string, string> = {
  acme: "",
  background_fetch: "",
  block_errors: "",
  cache_key_genid: "FILES/genid.kch",
  cache_range_requests: "",
  cachekey: "",
  cert_reporting_tool: "",
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

/** Parameters in remap.config, by plugin. Each plugin has its own rule, for /NAME/. */
const REMAP: Record<string, string[]> = {
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
  s3_auth: ["--access_key=a", "--secret_key=b", "--version=2"],
  slice: [],
  statichit: ["--file-path=FILES/status", "--mime-type=text/plain"],
  tslua: ["FILES/script.lua"],
  uri_signing: ["FILES/uri_signing.json"],
  url_sig: ["FILES/url_sig.config"],
};

/** Paths answered by plugins that do not forward requests; the others are requested with PATHS. */
const OWN_PATHS: Record<string, string[]> = { generator: ["cache/1000/1", "nocache/5000/2"], statichit: [""] };
const PATHS = ["size/100", "size/5000?cache=600", "size/70000?type=text/plain&cache=600", "size/300?type=text/plain&chunked"];

/** Debian's plugins that cannot be loaded here, even without memtrack. */
const LEFT_OUT: Record<string, string> = {
  authproxy: "asks a service whether a request is allowed, and without one answers 403 now and then",
  geoip_acl: "Debian's is built without a library for it: TSRemapInit fails",
  "hook-trace": "ends the server now and then (ProxySession.cc:129), when its one mutex is busy where a session starts",
  icap: "needs an ICAP server for every response",
  maxmind_acl: "needs a MaxMind database",
  metalink: "ends the server at the first response that it would cache (TSCacheWrite asserts)",
  mysql_remap: "cannot be loaded: undefined symbol iniparser_load",
};

const SIGNING_KEY = "nxb7fyO5Z2hGz9E3oKm1357ptvC2st5stuWqy8gyQsA";
const FILES: Record<string, string> = {
  "conf_remap.config": "CONFIG proxy.config.url_remap.pristine_host_hdr INT 1\n",
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

let origin: Origin;
let folder: string;
before(async () => {
  origin = await Origin.start();
  folder = mkdtempSync(join(tmpdir(), "memtrack-files-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), filled(text));
  for (const name of ["dump", "certificates"]) mkdirSync(join(folder, name));
  const [key, cert] = [join(folder, "ca.key"), join(folder, "ca.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=memtrack's tests"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert], { stdio: "ignore" });
  // The server reads and writes here as its own user.
  for (const name of ["", "dump", "certificates", "ca.key", "serial"]) chmodSync(join(folder, name), 0o777);
});
after(async () => {
  await origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

function filled(text: string): string {
  return text.replaceAll("FILES", folder).replaceAll("ORIGIN", origin.url).replaceAll("PORT", String(origin.port));
}

/** Starts a server with all of them, and with the lines `more` at the beginning of plugin.config. */
function options(more: string[]): AtsOptions {
  const rule = ([name, parameters]: [string, string[]]) => {
    const plugin = [`@plugin=${join(MODULES, name)}.so`, ...parameters.map((text) => `@pparam=${filled(text)}`)];
    return `map /${name}/ ${origin.url} ${plugin.join(" ")}`;
  };
  return {
    level: 2,
    records: { "proxy.config.plugin.memtrack.heap": 1 },
    plugins: [...more, ...Object.entries(GLOBAL).map(([name, args]) => `${name}.so ${filled(args)}`.trimEnd())],
    remap: Object.entries(REMAP).map(rule),
    origin: origin.url,
  };
}

/** The status of a complete answer; 0 without one. */
function status(url: string): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.complete ? response.statusCode! : 0));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(0));
  });
}

/** Sends traffic through every plugin; returns the answer of each remap rule, by path. */
async function exercise(ats: Ats): Promise<Record<string, number>> {
  const count = 30 * MIXED_PATHS.length;
  // By name: certifier.so has no certificate for a client without a server name.
  const server = { httpUrl: ats.httpUrl, httpsUrl: `https://localhost:${ats.tlsPort}/` };
  assert.deepEqual(await mixed(server, count), { requests: count, errors: 0 });
  const answers: Record<string, number> = {};
  const byRule = Object.keys(REMAP).flatMap((name) => (OWN_PATHS[name] ?? PATHS).map((path) => `${name}/${path}`));
  for (let round = 0; round < 3; ++round) {
    const all = [...byRule, "health", "_stats", "regex_remap/old/size/10"];
    await Promise.all(all.map(async (path) => (answers[path] = await status(ats.httpUrl + path))));
  }
  return answers;
}

describe("all of Debian's plugins", () => {
  test("each of them is loaded, or excluded for a reason", () => {
    const shipped = readdirSync(MODULES).flatMap((name) => (name.endsWith(".so") ? [name.slice(0, -3)] : []));
    const known = new Set([GLOBAL, REMAP, LEFT_OUT].flatMap((table) => Object.keys(table)));
    assert.deepEqual(
      shipped.filter((name) => name !== "memtrack" && !known.has(name)),
      [],
      "without a place here",
    );
    assert.ok(shipped.length > 50, "Debian's package trafficserver-experimental-plugins is installed");
  });

  test("with memtrack: the responses are the same as without it, no row is negative, and nothing crashes", async () => {
    const run = async (more: string[], look?: (ats: Ats) => Promise<void>) => {
      const ats = await Ats.start(options(more));
      try {
        const answers = await exercise(ats);
        await look?.(ats);
        return answers;
      } finally {
        await ats.stop();
      }
    };
    const without = await run([]);
    assert.deepEqual(
      Object.entries(without).filter(([, code]) => code === 0),
      [],
      "requests without an answer",
    );
    const withUs = await run([PLUGIN], async (ats) => {
      const dump = await settled(ats);
      assertSound(dump);
      const owners = new Set(rowsOf(dump).map(({ location }) => ownerOf(location)));
      for (const name of ["header_rewrite", "cachekey", "tslua", "compress", "xdebug", "regex_remap"]) {
        assert.ok(owners.has(`${name}.so`), `${name}.so has rows`);
      }
      // Repeated as a reference: everything new in the first round is known now.
      await exercise(ats);
      assertSound(await settled(ats));
    });
    assert.deepEqual(withUs, without);
  });
});
