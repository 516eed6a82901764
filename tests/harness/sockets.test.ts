// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { resetSockets } from "../../harness/sockets.ts";

test("a connection that was reset and is not read counts until it is closed", async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  const before = resetSockets(process.pid);
  client.resetAndDestroy();
  await once(client, "close");
  assert.equal(resetSockets(process.pid), before + 1);
  accepted.destroy();
  await once(accepted, "close");
  assert.equal(resetSockets(process.pid), before);
  server.close();
});
