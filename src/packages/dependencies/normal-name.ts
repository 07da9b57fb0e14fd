/** As the Python packaging specifications have it, "Name normalization". */
export function normalName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/gu, "-");
}
