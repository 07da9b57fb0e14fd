import type { PipelineCase, PipelineRow } from "./measure-pipeline.ts";

/** How the cost of a task grows with one quantity. */
export interface Curve {
  /** `queued`, `packages`, `raw`, `objects`. */
  readonly name: string;
  /** In which the cost is told: of a task, or of a megabyte or an object of it. */
  readonly per: "task" | "MB" | "object";
  readonly points: readonly { readonly at: number; readonly cpuMs: number }[];
  /** Of the cost of one unit, as a power of the quantity: 0 is flat, 1 is as much more as there is more. */
  readonly exponent: number;
  /** The same between the last two points alone. */
  readonly lastExponent: number;
  readonly verdict: "flat" | "falls" | "grows" | "bends upwards" | "bends upwards at the end";
}

/** Less is what a busy machine makes of two measurements of the same. */
const FLAT_EXPONENT = 0.05;
/** Between two points that lie close, noise makes more of one. */
const BEND_EXPONENT = 0.1;

/** Of two points that are the same but for noise, however far apart, the later one costs no more than so many times the earlier. */
const MOST_RISE = 1.2;

/** By least squares of the logarithms. Points are in rising order, at least two. */
export function fitCurve(name: string, per: Curve["per"], points: Curve["points"]): Curve {
  const exponent = slopeOf(points);
  const lastExponent = slopeOf(points.slice(-2));
  const verdict = verdictOf(exponent, lastExponent, highestRiseOf(points));
  return { name, per, points, exponent, lastExponent, verdict };
}

function verdictOf(exponent: number, lastExponent: number, rise: number): Curve["verdict"] {
  if (lastExponent > BEND_EXPONENT && lastExponent > exponent + FLAT_EXPONENT)
    return "bends upwards at the end";
  if (exponent > FLAT_EXPONENT) return "grows";
  // The exponent of many decades is small for what is half as much again, and a fall before it hides a rise.
  if (rise > MOST_RISE) return "bends upwards";
  return exponent < -FLAT_EXPONENT ? "falls" : "flat";
}

/** Of any point to a later one. */
function highestRiseOf(points: Curve["points"]): number {
  return Math.max(
    ...points.flatMap((earlier, index) => points.slice(index).map((later) => later.cpuMs / earlier.cpuMs)),
  );
}

function slopeOf(points: Curve["points"]): number {
  const xs = points.map(({ at }) => Math.log(at));
  const ys = points.map(({ cpuMs }) => Math.log(cpuMs));
  const [x, y] = [mean(xs), mean(ys)];
  const product = mean(xs.map((value, index) => (value - x) * ((ys[index] ?? y) - y)));
  const square = mean(xs.map((value) => (value - x) ** 2));
  return product / square;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

interface Growing {
  readonly name: string;
  readonly per: Curve["per"];
  readonly values: readonly number[];
  readonly caseAt: (value: number) => Omit<PipelineCase, "name" | "state">;
}

/** Everything that a task could cost more with. */
const GROWING: readonly Growing[] = [
  {
    name: "queued",
    per: "task",
    values: [10, 100, 1000, 10_000],
    caseAt: (behind) => ({ tasks: 800, slots: 4, behind }),
  },
  {
    name: "packages",
    per: "task",
    values: [1, 20, 100, 500],
    caseAt: (packages) => ({ tasks: 800, slots: 4, packages }),
  },
  {
    name: "raw",
    per: "MB",
    values: [1e6, 1e7, 1e8],
    caseAt: (rawBytes) => ({ tasks: Math.max(6, Math.round(2e8 / rawBytes)), slots: 2, rawBytes }),
  },
  {
    name: "objects",
    per: "object",
    values: [100, 1000, 10_000, 100_000],
    caseAt: (objects) => ({
      tasks: Math.min(400, Math.max(6, Math.round(4e5 / objects))),
      slots: 2,
      objects,
    }),
  },
];

export function growthCases(quick: boolean): readonly PipelineCase[] {
  return GROWING.flatMap(({ name, values, caseAt }) =>
    values.map((value) => {
      const one = caseAt(value);
      const tasks = quick ? Math.ceil(one.tasks / 4) : one.tasks;
      return { ...one, name: `${name}-${value}`, state: "reuse" as const, tasks };
    }),
  );
}

/** What rows of `growthCases` say. The cost is the processor time of all but the normalizers themselves. */
export function curvesOf(rows: readonly PipelineRow[]): readonly Curve[] {
  return GROWING.flatMap(({ name, per, values }) => {
    const points = values.flatMap((at) => {
      const row = rows.find((one) => one.name === `${name}-${at}`);
      const units = { task: 1, MB: at / 1e6, object: at }[per];
      return row === undefined ? [] : [{ at, cpuMs: row.allButSandboxesCpuMs.p50 / units }];
    });
    // Not all cases were chosen.
    return points.length < 2 ? [] : fitCurve(name, per, points);
  });
}
