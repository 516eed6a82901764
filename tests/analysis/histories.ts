// SPDX-License-Identifier: Apache-2.0
//
// Histories with known answers: possible behavior of a server's rows, generated from a seed. A scene is a server's traffic for some time,
// and the rows under this traffic. In each step a row states what it allocates and releases. It is a leak or innocent.

/** Events of one row in one step. */
interface Step {
  allocs: number;
  allocBytes: number;
  frees: number;
  freeBytes: number;
}

/** Activity of the server in one step. */
export interface Traffic {
  transactions: number;
  connections: number;
  ramCache: number;
  /** Seconds since the previous step, by the host's clock: negative if the clock was set back. */
  seconds: number;
}

export interface Row {
  name: string;
  /** For a leak: the step in which it begins, and the number of samples within which it must become a suspect. */
  leak?: { from: number; within: number; bytesPerSample?: number; stops?: number };
  /** Its growth is even from the beginning: it never reads `levels off`. */
  isEven?: true;
  /** Initial counters, for instance close to a wrap. */
  before?: { allocs: bigint; allocBytes: bigint; frees: bigint; freeBytes: bigint };
  step(index: number, traffic: Traffic, random: Random): Step;
}

export interface Scene {
  name: string;
  samples: number;
  traffic(index: number, random: Random): Partial<Traffic>;
  rows: Row[];
}

/** Marsaglia's xorshift32, and random values derived from it. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** The number of rare events, by the Poisson distribution. */
  poisson(mean: number): number {
    if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let n = 0;
    for (let product = this.next(); product > limit; product *= this.next()) ++n;
    return n;
  }
}

/** Objects of one size, which are allocated and released. */
class Population {
  live = 0;

  constructor(readonly size: number) {}

  change(born: number, gone: number): Step {
    const frees = Math.min(gone, this.live + born);
    this.live += born - frees;
    return { allocs: born, allocBytes: born * this.size, frees, freeBytes: frees * this.size };
  }
}

function add(...steps: Step[]): Step {
  const sum = { allocs: 0, allocBytes: 0, frees: 0, freeBytes: 0 };
  for (const step of steps) for (const key of Object.keys(sum) as (keyof Step)[]) sum[key] += step[key];
  return sum;
}

// Behaviors of rows. Rates are per transaction, lifetimes in samples.

type Behaviour = (index: number, traffic: Traffic, random: Random) => Step;

/** Objects of requests, with a mean lifetime. */
function churn(perTransaction: number, size: number, life: number): Behaviour {
  const all = new Population(size);
  return (_, { transactions }, random) =>
    all.change(random.poisson(transactions * perTransaction), random.poisson(all.live / life));
}

/** Objects with an exact lifetime. */
function timed(perTransaction: number, size: number, life: number): Behaviour {
  const all = new Population(size);
  const born: number[] = [];
  return (index, { transactions }, random) => {
    born[index] = random.poisson(transactions * perTransaction);
    return all.change(born[index], index >= life ? born[index - life]! : 0);
  };
}

/** A constant number of objects from the beginning. */
function constant(objects: number, size: number): Behaviour {
  const all = new Population(size);
  return (index) => all.change(index === 0 ? objects : 0, 0);
}

/** A number of additional objects at certain steps. */
function steps(objects: number, size: number, at: (index: number) => boolean): Behaviour {
  const all = new Population(size);
  return (index) => all.change(at(index) ? objects : 0, 0);
}

/** A cache with a capacity, which fills with the number of distinct things requested: by popularity (Heaps' law), or evenly. */
function cache(capacity: number, size: number, perTransaction: number, heaps = 1): Behaviour {
  const all = new Population(size);
  let asked = 0;
  let expected = 0;
  return (_, { transactions }, random) => {
    asked += transactions * perTransaction;
    const distinct = asked ** heaps;
    const born = random.poisson(distinct - expected);
    expected = distinct;
    return all.change(born, Math.max(0, all.live + born - capacity));
  };
}

/** Fills buffers, and flushes all of them periodically. */
function sawtooth(perTransaction: number, size: number, period: number): Behaviour {
  const all = new Population(size);
  return (index, { transactions }, random) =>
    all.change(random.poisson(transactions * perTransaction), index % period === period - 1 ? 1e15 : 0);
}

/** Objects of each open connection. */
function perConnection(objects: number, size: number): Behaviour {
  const all = new Population(size);
  return (_, { connections }) => {
    const wanted = connections * objects;
    return all.change(Math.max(0, wanted - all.live), Math.max(0, all.live - wanted));
  };
}

/** A number of objects at certain steps, of which the last two lots are kept. */
function generations(objects: number, size: number, at: (index: number) => boolean): Behaviour {
  const all = new Population(size);
  return (index) => all.change(at(index) ? objects : 0, at(index) && all.live === 2 * objects ? objects : 0);
}

/** A number of objects at certain steps, all of which are gone some steps later. */
function bursts(objects: number, size: number, life: number, at: (index: number) => boolean): Behaviour {
  const all = new Population(size);
  return (index) => all.change(at(index) ? objects : 0, index >= life && at(index - life) ? objects : 0);
}

/** Objects that do not outlive the request that made them. */
function scratch(perTransaction: number, size: number): Behaviour {
  const all = new Population(size);
  return (_, { transactions }) => all.change(transactions * perTransaction, transactions * perTransaction);
}

/** The content of the RAM cache. */
function ramCache(size: number): Behaviour {
  const all = new Population(size);
  return (_, traffic) => {
    const wanted = Math.floor(traffic.ramCache / size);
    return all.change(Math.max(0, wanted - all.live), Math.max(0, all.live - wanted));
  };
}

/** Objects that are never released, while `when` is true. */
function leak(perTransaction: number, size: number, when: (index: number) => boolean = () => true): Behaviour {
  const all = new Population(size);
  return (index, { transactions }, random) => all.change(when(index) ? random.poisson(transactions * perTransaction) : 0, 0);
}

/** The same, independent of traffic. */
function background(perSample: number, size: number, when: (index: number) => boolean = () => true): Behaviour {
  const all = new Population(size);
  return (index, _, random) => all.change(when(index) ? random.poisson(perSample) : 0, 0);
}

/** A row with several of these behaviors. */
function row(name: string, ...behaviours: Behaviour[]): Row {
  return { name, step: (index, traffic, random) => add(...behaviours.map((behave) => behave(index, traffic, random))) };
}

/** A row that leaks. */
function leaking(
  name: string,
  within: number,
  behaviours: Behaviour[],
  more: { from?: number; bytesPerSample?: number; stops?: number } = {},
): Row {
  return { ...row(name, ...behaviours), leak: { from: 0, within, ...more } };
}

function evenly(row: Row): Row {
  return { ...row, isEven: true };
}

const core = (name: string) => `memory/IOBuffer/${name}`;
const plugin = (name: string) => `memory/plugin/${name}`;

const DAY = 8640; // samples at 10 s
const hourly = (index: number) => index % 360 < 30; // five minutes of each hour
/** The traffic of a day, with its minimum at the beginning. */
const daily = (index: number) => 600 - 400 * Math.cos((2 * Math.PI * index) / DAY);
const isReload = (index: number) => index % 100 === 50;
const even = (transactions: number) => (_: number, random: Random) => ({ transactions: random.poisson(transactions) });
/** Traffic that goes up and down by half, in some 45 samples. */
const waves = (transactions: number) => (index: number, random: Random) => ({
  transactions: random.poisson(transactions * (1 + 0.5 * Math.sin(index / 7))),
});
/** Connections that are opened in 72 samples, held for 78, and closed. */
const heldConnections = (index: number) => (index < 20 || index >= 170 ? 20 : Math.min(1500, 20 + Math.round((index - 20) * 20.6)));
/** Connections of a morning, from 100 to 4,000: as many come and go as the root of their number. */
const morning = (index: number, random: Random) => {
  const mean = 100 + index * 2.7;
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
};

/**
 * The tested leak rates: objects per transaction and size, with 2,000 transactions per sample and noise, and the samples within which each
 * must be found.
 */
const RATES: [perTransaction: number, size: number, within: number][] = [
  [1 / 20_000, 64, 400],
  [1 / 2_000, 64, 150],
  [1 / 1_000, 512, 150],
  [1 / 400, 512, 150],
  [1 / 400, 4096, 150],
  [1 / 20, 512, 600],
  [1, 128, 600],
];

export function corpus(): Scene[] {
  return [
    {
      name: "even traffic",
      samples: 2400,
      traffic: even(2000),
      rows: [
        row(core("steady"), constant(1000, 4096)),
        row(core("idle"), constant(0, 1)),
        row(core("short lives"), churn(3, 4096, 1)),
        row(core("lives of a few samples"), churn(0.1, 8192, 8)),
        row(core("long lives"), churn(0.01, 2048, 100)),
        row(core("rare and long lives"), churn(0.001, 512, 60)),
        row(core("bursty buffers"), churn(0.5, 32768, 3), sawtooth(0.02, 32768, 7)),
        row(core("sawtooth, short"), sawtooth(0.2, 1024, 30)),
        row(core("sawtooth, long"), sawtooth(0.2, 1024, 300)),
        row(
          core("table that is made once"),
          steps(5000, 256, (index) => index === 400),
        ),
        row(
          core("tables that are made twice"),
          steps(5000, 256, (index) => index === 300 || index === 900),
        ),
        row(plugin("cache.so popular things (cache.c:10)"), cache(200_000, 512, 1, 0.7)),
        row(plugin("cache.so few popular things (cache.c:20)"), cache(200_000, 4096, 0.2, 0.55)),
        row(plugin("cache.so filled evenly (cache.c:30)"), cache(60_000, 900, 0.1)),
        row(plugin("cache.so sessions (cache.c:40)"), cache(20_480, 300, 0.04)),
        row(plugin("cache.so objects that expire (cache.c:50)"), timed(0.05, 600, 300)),
        row(
          core("burst, then drain"),
          (() => {
            const all = new Population(2048);
            return (index: number) => all.change(index >= 700 && index < 760 ? 400 : 0, index >= 900 && index < 1000 ? 240 : 0);
          })(),
        ),
      ],
    },
    {
      name: "leaks of all rates",
      samples: 1200,
      traffic: even(2000),
      rows: [
        ...RATES.map(([perTransaction, size, within]) =>
          leaking(
            plugin(`leaky.so every ${Math.round(1 / perTransaction)}th, ${size} bytes`),
            within,
            [leak(perTransaction, size)],
            {
              bytesPerSample: 2000 * perTransaction * size,
            },
          ),
        ),
        row(core("steady"), constant(1000, 4096)),
        row(core("churn"), churn(1, 4096, 2)),
      ],
    },
    {
      name: "leaks under noise",
      samples: 3000,
      traffic: even(5000),
      rows: [
        leaking(plugin("leaky.so every 10,000th among its own churn"), 1000, [churn(0.02, 1024, 2), leak(1 / 10_000, 1024)], {
          bytesPerSample: 512,
        }),
        leaking(plugin("leaky.so every 1,000th among its own churn"), 600, [churn(0.1, 1024, 2), leak(1 / 1_000, 1024)], {
          bytesPerSample: 5120,
        }),
        leaking(plugin("leaky.so hidden behind a large site"), 200, [leak(1 / 5_000, 256)], { bytesPerSample: 256 }),
        leaking(plugin("leaky.so begins late"), 250, [leak(1 / 1_000, 256, (index) => index >= 1500)], {
          from: 1500,
          bytesPerSample: 1280,
        }),
        leaking(plugin("leaky.so few large objects"), 1200, [background(1 / 40, 1 << 20)], { bytesPerSample: 26214 }),
        row(core("large churning site"), churn(20, 32768, 2)),
        row(core("large noisy site"), churn(2, 65536, 10)),
      ],
    },
    {
      name: "three days",
      samples: 3 * DAY,
      traffic: (index, random) => ({ transactions: random.poisson(daily(index)), connections: Math.round(daily(index) / 4) }),
      rows: [
        row(core("follows the day"), churn(0.5, 8192, 3)),
        row(core("follows the day, longer lives"), churn(0.05, 8192, 30)),
        row(core("connections"), perConnection(3, 4096)),
        leaking(plugin("leaky.so by day and by night"), 300, [leak(1 / 1_000, 700)], { bytesPerSample: 420 }),
        leaking(plugin("leaky.so slowly, by a timer"), 9000, [background(1 / 100, 400)], { bytesPerSample: 4 }),
      ],
    },
    {
      name: "leaks in fits",
      samples: 9000,
      traffic: even(1000),
      rows: [
        leaking(plugin("leaky.so in errors only"), 5 * 360, [leak(1 / 500, 256, hourly)], { bytesPerSample: 43 }),
        leaking(plugin("leaky.so at each reload"), 7 * 200, [steps(50, 512, (index) => index % 200 === 150)], {
          bytesPerSample: 128,
        }),
        row(
          core("made anew at each reload"),
          (() => {
            const all = new Population(512);
            return (index: number) => all.change(index % 200 === 150 ? 500 : 0, index % 200 === 151 && index > 200 ? 500 : 0);
          })(),
        ),
        row(core("errors that are released"), churn(0.02, 4096, 5)),
      ],
    },
    {
      name: "counters that wrap",
      samples: 600,
      traffic: even(2000),
      rows: [
        {
          ...leaking(plugin("leaky.so past 2^64"), 150, [leak(1 / 1_000, 512)], { bytesPerSample: 1024 }),
          before: {
            allocs: 2n ** 64n - 300n,
            allocBytes: 2n ** 64n - 100_000n,
            frees: 2n ** 64n - 300n,
            freeBytes: 2n ** 64n - 100_000n,
          },
        },
        {
          ...row(core("churn past 2^64"), churn(1, 4096, 2)),
          before: {
            allocs: 2n ** 64n - 9_000n,
            allocBytes: 2n ** 64n - 999_999n,
            frees: 2n ** 64n - 9_000n,
            freeBytes: 2n ** 64n - 999_999n,
          },
        },
        row(core("steady"), constant(100, 100)),
      ],
    },
    {
      name: "a clock that is set and gaps",
      samples: 900,
      traffic: (index, random) => {
        const seconds = index === 200 ? -3600 : index === 300 ? 3600 : index === 400 ? 86_400 : index % 50 === 0 ? 55 : 10;
        // Requests continue while no samples are taken.
        return { seconds, transactions: random.poisson(2000 * (seconds > 0 ? seconds / 10 : 1)) };
      },
      rows: [
        leaking(plugin("leaky.so whatever the clock says"), 150, [leak(1 / 1_000, 512)], { bytesPerSample: 1024 }),
        row(
          core("churn"),
          (() => {
            const all = new Population(4096);
            return (_: number, __: Traffic, random: Random) => all.change(random.poisson(500), random.poisson(all.live / 2));
          })(),
        ),
        row(core("steady"), constant(100, 100)),
      ],
    },
    {
      name: "a surge of connections that are kept alive",
      samples: 1200,
      traffic: (index, random) => ({
        transactions: random.poisson(500),
        connections:
          index < 300 ? 20 : index < 450 ? 20 + (index - 300) * 30 : index < 800 ? 4520 : Math.max(20, 4520 - (index - 800) * 40),
      }),
      rows: [
        row(core("buffers of connections"), perConnection(1, 4096)),
        row(core("sessions of connections"), perConnection(5, 700)),
        row(core("requests"), churn(1, 8192, 1)),
        leaking(plugin("leaky.so from before the surge"), 250, [leak(1 / 500, 900)], { bytesPerSample: 900 }),
        leaking(plugin("leaky.so from shortly before the surge"), 300, [leak(1 / 500, 900, (index) => index >= 260)], {
          from: 260,
          bytesPerSample: 900,
        }),
      ],
    },
    {
      // One sample a second: the leaks go on while the connections stand still, and have their verdicts before these close.
      name: "idle connections that are opened and held, under changing load",
      samples: 300,
      traffic: (index, random) => ({
        transactions: random.poisson(index % 40 < 20 ? 6000 : 14_000),
        connections: heldConnections(index),
        seconds: 1,
      }),
      rows: [
        row(plugin("session.so data (a.c:1)"), perConnection(1, 600)),
        row(plugin("session.so several objects (a.c:2)"), perConnection(6, 300)),
        row(core("buffers of connections"), perConnection(3, 4096)),
        row(core("requests"), churn(1, 8192, 1)),
        leaking(plugin("leaky.so one in 500, large"), 150, [leak(1 / 500, 27_000)], { bytesPerSample: 540_000 }),
        leaking(plugin("leaky.so one in 500"), 150, [leak(1 / 500, 850)], { bytesPerSample: 17_000 }),
        leaking(plugin("leaky.so one in 2,000"), 150, [leak(1 / 2_000, 3400)], { bytesPerSample: 17_000 }),
        leaking(plugin("leaky.so by a timer"), 150, [background(30, 1000)], { bytesPerSample: 30_000 }),
        leaking(plugin("leaky.so one in 1,000, from 60 on"), 110, [leak(1 / 1_000, 1000, (index) => index >= 60)], {
          from: 60,
          bytesPerSample: 10_000,
        }),
      ],
    },
    {
      name: "the connections of a morning",
      samples: 1440,
      traffic: (index, random) => ({ transactions: random.poisson(20_000), connections: morning(index, random) }),
      rows: [
        row(plugin("session.so data (a.c:1)"), perConnection(1, 600)),
        row(plugin("session.so several objects (a.c:2)"), perConnection(6, 300)),
        row(core("buffers of connections"), perConnection(3, 4096)),
        leaking(plugin("leaky.so far more than connections can bring"), 150, [leak(1 / 250, 512)], { bytesPerSample: 40_960 }),
        leaking(plugin("leaky.so no more than connections can bring"), 400, [leak(1 / 10_000, 512)], { bytesPerSample: 1024 }),
        leaking(plugin("leaky.so begins late"), 200, [leak(1 / 2_000, 512, (index) => index >= 700)], {
          from: 700,
          bytesPerSample: 5120,
        }),
      ],
    },
    {
      // From none, without ups and downs: neither time nor requests tell these from a leak, but their number does, or their age.
      name: "a burst of connections from none",
      samples: 500,
      traffic: (index, random) => ({
        transactions: random.poisson(3000),
        connections: index < 10 ? 0 : Math.min(2000, (index - 10) * 25),
      }),
      rows: [
        row(plugin("session.so data (a.c:1)"), perConnection(1, 600)),
        row(plugin("session.so its continuation (a.c:2)"), perConnection(1, 160)),
        row(plugin("session.so headers (a.c:3)"), perConnection(12, 64)),
        row(core("buffers of connections"), perConnection(2, 4096)),
        leaking(plugin("leaky.so one in 500"), 150, [leak(1 / 500, 600)], { bytesPerSample: 3600 }),
      ],
    },
    {
      name: "young growth under traffic that goes up and down",
      samples: 600,
      traffic: waves(2000),
      rows: [
        leaking(plugin("leaky.so by a timer"), 110, [background(6.6, 72)], { bytesPerSample: 475 }),
        leaking(plugin("leaky.so one in 300"), 150, [leak(1 / 300, 72)], { bytesPerSample: 480 }),
        evenly(leaking(plugin("leaky.so by a timer, often"), 460, [background(66, 72)], { bytesPerSample: 4752 })),
        evenly(leaking(plugin("leaky.so one of each request"), 460, [leak(1, 31)], { bytesPerSample: 62_000 })),
        row(plugin("cache.so popular things (cache.c:10)"), cache(200_000, 512, 1, 0.7)),
        row(plugin("cache.so few popular things (cache.c:20)"), cache(200_000, 4096, 0.2, 0.55)),
        row(plugin("cache.so sessions (cache.c:40)"), cache(6_000, 300, 0.04)),
      ],
    },
    {
      name: "a RAM cache that fills",
      samples: 1500,
      traffic: (index, random) => ({ transactions: random.poisson(1000), ramCache: Math.min(index, 1100) * 120_000 }),
      rows: [
        row(core("Cache.cc:2331"), ramCache(32768)),
        row(core("requests"), churn(1, 8192, 1)),
        leaking(plugin("leaky.so meanwhile"), 150, [leak(1 / 500, 900)], { bytesPerSample: 1800 }),
      ],
    },
    {
      name: "traffic that comes and goes",
      samples: 1800,
      traffic: (index, random) => ({
        transactions: index < 60 ? 0 : random.poisson(index % 600 < 300 ? 3000 : 300),
        connections: index < 60 ? 0 : index % 600 < 300 ? 600 : 60,
      }),
      rows: [
        row(core("buffers"), churn(1, 8192, 2)),
        row(core("longer lives"), churn(0.05, 8192, 40)),
        row(core("connections"), perConnection(2, 4096)),
        row(plugin("cache.so popular things"), cache(500_000, 256, 0.5, 0.7)),
        leaking(plugin("leaky.so with the traffic"), 300, [leak(1 / 500, 300)], { from: 60, bytesPerSample: 990 }),
      ],
    },
    {
      name: "no traffic at all",
      samples: 1000,
      traffic: () => ({}),
      rows: [
        row(core("steady"), constant(100, 4096)),
        row(
          core("caches of start"),
          steps(20, 4096, (index) => index < 10),
        ),
        leaking(plugin("leaky.so by a timer"), 700, [background(1, 256)], { bytesPerSample: 256 }),
      ],
    },
    {
      name: "a leak that is mended, and one behind a full cache",
      samples: 6000,
      traffic: even(1000),
      rows: [
        leaking(plugin("leaky.so until it is mended"), 150, [leak(1 / 400, 512, (index) => index < 1000)], {
          bytesPerSample: 1280,
          stops: 1000,
        }),
        leaking(
          plugin("leaky.so behind its full cache"),
          800,
          [cache(20_000, 512, 0.1), leak(1 / 300, 512, (index) => index >= 3000)],
          { from: 3000, bytesPerSample: 1707 },
        ),
        row(core("steady"), constant(100, 4096)),
      ],
    },
    {
      // What reports of Traffic Server's history said leaked, or seemed to: tests/plugins/historic_* are the same mechanisms.
      name: "historic reports",
      samples: 1500,
      traffic: (index, random) => ({ transactions: random.poisson(1000), ramCache: index * 2_000_000 }),
      rows: [
        leaking(plugin("intercept.so mutexes (5777, 5794, 8896)"), 600, [leak(1, 96)], { bytesPerSample: 96_000 }),
        leaking(plugin("pacing.so no hook at the end (7572)"), 600, [leak(1, 48)], { bytesPerSample: 48_000 }),
        leaking(plugin("multiplexer.so strings of a request (7158, 7160, 6986)"), 600, [churn(3, 100, 1), leak(1, 100)], {
          bytesPerSample: 100_000,
        }),
        leaking(plugin("reenable.so never, one in a thousand (2354)"), 150, [leak(1 / 1_000, 9472)], { bytesPerSample: 9472 }),
        leaking(plugin("certificates.so by a timer (4452)"), 700, [background(1, 1400)], { bytesPerSample: 1400 }),
        leaking(plugin("lua.so instances of each reload (8728, 8764)"), 7 * 100, [steps(256, 64, isReload)], {
          bytesPerSample: 164,
        }),
        row(plugin("certificates.so two generations (4562)"), generations(1800, 3000, isReload)),
        row(plugin("reenable.so delayed (2354)"), timed(1, 9472, 1)),
        row(core("digests of cache keys (8615)"), scratch(3, 80)),
        row(
          plugin("slice.so for slow clients (7179, 7257)"),
          bursts(2000, 32768, 12, (index) => index % 150 === 70),
        ),
        row(
          core("bursts of one size and another (9162, 5179, 5858)"),
          bursts(4000, 32768, 2, (index) => index % 40 === 5),
          bursts(100, 1 << 20, 2, (index) => index % 40 === 25),
        ),
        row(core("the RAM cache, which is not full (9625, 5931)"), ramCache(32768)),
      ],
    },
    {
      name: "historic reports: sessions that stay, and more load",
      samples: 1500,
      traffic: (index, random) => {
        const load = Math.min(1, index / 1000);
        return { transactions: random.poisson(200 + 1800 * load), connections: Math.round(50 + 5000 * load) };
      },
      rows: [
        row(plugin("session.so data of a session (6614)"), perConnection(1, 4000)),
        row(plugin("reenable.so delayed, with more load (2354)"), timed(0.5, 9472, 1)),
        row(core("Http1ClientSession (5042)"), perConnection(1, 1056)),
      ],
    },
  ];
}
