/**
 * Sets a driver up once and remembers what was found, if it works. If not, whoever asks next tries again: what is missing
 * may have been installed, and what is not running started.
 */
export function rememberAvailable<Found extends { readonly available: boolean }>(
  setUp: () => Promise<Found>,
): () => Promise<Found> {
  let kept: Promise<Found> | null = null;
  const tried = async (): Promise<Found> => {
    try {
      const found = await setUp();
      if (!found.available) kept = null;
      return found;
    } catch (error) {
      kept = null;
      throw error;
    }
  };
  return () => (kept ??= tried());
}
