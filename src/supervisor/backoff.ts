/**
 * How long to wait before the next try, whole seconds: doubles with each try from 1 up to `longest`, with a
 * random half, so that what failed together does not come back together.
 */
export function backoffSeconds(earlierTries: number, longest: number): number {
  const seconds = Math.min(longest, 2 ** Math.min(earlierTries, 30));
  return Math.ceil(seconds / 2 + (Math.random() * seconds) / 2);
}
