/** Where programs usually are: the PATH of guests and of what starts them, and where else than on ours tools are looked for. */
export const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
