// SPDX-License-Identifier: Apache-2.0
//
// Statistics for the benchmarks: medians and quartiles, because the noise of a shared machine is one-sided.

export interface Summary {
  median: number;
  /** First and third quartile. */
  low: number;
  high: number;
  rounds: number;
}

/** Linear between the closest ranks (Hyndman and Fan's type 7, the default in R and NumPy). */
export function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export function summarise(values: number[]): Summary {
  return {
    median: quantile(values, 0.5),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
  };
}

/**
 * The shortest interval between two of the values that contains the median of their distribution with a probability of at least 95
 * %, for any distribution: the interval of the sign test. All values if there are fewer than 6.
 */
export function medianInterval(values: number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  let outside = 0; // probability that the median is beyond the k smallest (or largest) values
  let k = 0;
  for (let binomial = 1; k < n / 2; binomial = (binomial * (n - k)) / (k + 1), ++k) {
    outside += (2 * binomial) / 2 ** n;
    if (outside > 0.05) break;
  }
  const first = Math.max(0, k - 1);
  return [sorted[first]!, sorted[n - 1 - first]!];
}
