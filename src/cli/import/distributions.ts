/** Distributions, as pip knows them, whose modules have other names. */
const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  attr: "attrs",
  bs4: "beautifulsoup4",
  Crypto: "pycryptodome",
  cv2: "opencv-python-headless",
  dateutil: "python-dateutil",
  dns: "dnspython",
  docx: "python-docx",
  git: "GitPython",
  jose: "python-jose",
  jwt: "PyJWT",
  libnmap: "python-libnmap",
  magic: "python-magic",
  nmap: "python-nmap",
  OpenSSL: "pyOpenSSL",
  PIL: "pillow",
  pkg_resources: "setuptools",
  serial: "pyserial",
  sklearn: "scikit-learn",
  whois: "python-whois",
  wpscan_out_parse: "wpscan-out-parse",
  yaml: "PyYAML",
};

/** What pip has to install for a module to be there. */
export function distributionOf(module: string): string {
  return Object.hasOwn(DISTRIBUTIONS, module) ? (DISTRIBUTIONS[module] ?? module) : module;
}
