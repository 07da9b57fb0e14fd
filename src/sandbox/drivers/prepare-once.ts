/**
 * Keeps what was prepared, by what makes it different, for as long as its driver lives. What failed is tried again the next
 * time: what is missing may be installed later.
 */
export function prepareOnce<Prepared>(): (
  key: string,
  prepare: () => Promise<Prepared>,
) => Promise<Prepared> {
  const kept = new Map<string, Promise<Prepared>>();
  return (key, prepare) => {
    let prepared = kept.get(key);
    if (prepared === undefined) {
      prepared = prepare();
      kept.set(key, prepared);
      prepared.catch(() => kept.delete(key));
    }
    return prepared;
  };
}
