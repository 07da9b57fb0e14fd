/**
 * How OpenKAT's Python has the object model: facts that no schema holds, for the stand-in of its modules
 * (sdk/python/openkat/). Found by asking the real modules, and held to them by the vectors.
 */

/** Modules below `octopoes.models.ooi`, and which types, groups and enums each defines. */
export const MODULES: Readonly<Record<string, readonly string[]>> = {
  certificate: [
    "X509Certificate",
    "SubjectAlternativeName",
    "SubjectAlternativeNameHostname",
    "SubjectAlternativeNameIP",
    "SubjectAlternativeNameQualifier",
    "AlgorithmType",
  ],
  config: ["Config"],
  "dns/records": [
    "DNSRecord",
    "DNSARecord",
    "DNSAAAARecord",
    "DNSMXRecord",
    "DNSTXTRecord",
    "DNSNSRecord",
    "DNSCNAMERecord",
    "DNSSOARecord",
    "NXDOMAIN",
    "DNSPTRRecord",
    "DNSCAARecord",
    "CAATAGS",
  ],
  "dns/zone": ["DNSZone", "Hostname", "ResolvedHostname"],
  email_security: [
    "DNSSPFRecord",
    "DNSSPFMechanism",
    "DNSSPFMechanismIP",
    "DNSSPFMechanismHostname",
    "DNSSPFMechanismNetBlock",
    "DMARCTXTRecord",
    "DKIMExists",
    "DKIMSelector",
    "DKIMKey",
    "MechanismQualifier",
  ],
  findings: [
    "FindingType",
    "ADRFindingType",
    "CVEFindingType",
    "CWEFindingType",
    "CAPECFindingType",
    "RetireJSFindingType",
    "SnykFindingType",
    "KATFindingType",
    "Finding",
    "MutedFinding",
    "RiskLevelSeverity",
  ],
  geography: ["GeographicPoint"],
  monitoring: ["Application", "Incident"],
  network: [
    "Network",
    "IPAddress",
    "IPAddressV4",
    "IPAddressV6",
    "IPPort",
    "AutonomousSystem",
    "NetBlock",
    "IPV4NetBlock",
    "IPV6NetBlock",
    "Protocol",
    "PortState",
  ],
  question: ["Question"],
  reports: ["ReportData", "BaseReport", "AssetReport", "Report", "HydratedReport", "ReportRecipe"],
  scans: ["ExternalScan"],
  service: ["Service", "IPService", "TLSCipher"],
  software: ["Software", "SoftwareInstance"],
  web: [
    "Website",
    "WebURL",
    "HostnameHTTPURL",
    "IPAddressHTTPURL",
    "HTTPResource",
    "HTTPHeader",
    "URL",
    "HTTPHeaderURL",
    "HTTPHeaderHostname",
    "ImageMetadata",
    "RESTAPI",
    "APIDesignRule",
    "APIDesignRuleResult",
    "SecurityTXT",
    "WebScheme",
  ],
};

/** Names of enum members, in the order of the object model's values, where they are not those in upper case. */
export const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  CAATAGS: ["ISSUE", "ISSUEWILD", "IODEF", "CONTACTEMAIL", "CONACTPHONE", "ISSUEVMC", "ISSUEMAIL"],
  MechanismQualifier: ["ALLOW", "FAIL", "SOFTFAIL", "NEUTRAL"],
  PortState: ["OPEN", "CLOSED", "FILTERED", "UNFILTERED", "OPEN_FILTERED", "CLOSED_FILTERED"],
};

/** Enums that no field has. */
export const OTHER_ENUMS: Readonly<Record<string, readonly string[]>> = { AlgorithmType: ["RSA", "ECC"] };

const RESOURCE_URL = "{web_url.scheme}://{web_url.netloc.name}:{web_url.port}{web_url.path}";
const RESOURCE = `${RESOURCE_URL} @ {website.ip_service.ip_port.address.address}`;
const HEADER_RESOURCE = RESOURCE.replaceAll("{", "{resource.");
const HEADER = `{header.key} @ ${RESOURCE.replaceAll("{", "{header.resource.")}`;

/**
 * What `Reference.human_readable` gives, with the parts of the key in braces. A type that is not here is
 * shown by its whole reference; those that hold references with their type are made by hand.
 */
export const READABLE: Readonly<Record<string, string>> = {
  Network: "{name}",
  IPAddressV4: "{address}",
  IPAddressV6: "{address}",
  IPV4NetBlock: "{start_ip.address}/{mask}",
  IPV6NetBlock: "{start_ip.address}/{mask}",
  IPPort: "{address.address}:{port}/{protocol}",
  Service: "{name}",
  IPService: "{service.name}://{ip_port.address.address}:{ip_port.port}/{ip_port.protocol}",
  TLSCipher: "Ciphers of {ip_service.ip_port.address.address}:{ip_service.ip_port.port}",
  DNSZone: "{hostname.name}",
  Hostname: "{name}",
  ResolvedHostname: "{hostname.name} -> {address.address}",
  NXDOMAIN: "NXDOMAIN response on {hostname.name}",
  DNSARecord: "{hostname.name} A {value}",
  DNSAAAARecord: "{hostname.name} AAAA {value}",
  DNSMXRecord: "{hostname.name} MX {value}",
  DNSTXTRecord: "{hostname.name} TXT {value}",
  DNSNSRecord: "{hostname.name} NS {value}",
  DNSCNAMERecord: "{hostname.name} CNAME {value}",
  DNSSOARecord: "{hostname.name} SOA {soa_hostname.name}",
  DNSPTRRecord: "{address.address} -> {hostname.name}",
  DNSCAARecord: "{hostname.name} CAA {value}",
  DNSSPFRecord: "SPF Record of {dns_txt_record.hostname.name}",
  DNSSPFMechanismIP: "SPF {qualifier}{mechanism}:{ip.address} for {spf_record.dns_txt_record.hostname.name}",
  DNSSPFMechanismHostname:
    "SPF {qualifier}{mechanism}:{hostname.name} for {spf_record.dns_txt_record.hostname.name}",
  DNSSPFMechanismNetBlock:
    "SPF {qualifier}{mechanism}:{netblock.start_ip.address}/{netblock.mask} for {spf_record.dns_txt_record.hostname.name}",
  DMARCTXTRecord: "DMARC TXT Record of {hostname.name}",
  DKIMExists: "DKIM Exists on {hostname.name}",
  DKIMSelector: "{selector} DKIM selector of {hostname.name}",
  DKIMKey: "DKIM key of {dkim_selector.selector} on {dkim_selector.hostname.name}",
  X509Certificate: "{issuer} ({serial_number})",
  SubjectAlternativeNameHostname: "{hostname.name}",
  SubjectAlternativeNameIP: "{address.address}",
  SubjectAlternativeNameQualifier: "{name}",
  Website:
    "{ip_service.service.name}://{hostname.name}:{ip_service.ip_port.port} @ {ip_service.ip_port.address.address}",
  HostnameHTTPURL: "{scheme}://{netloc.name}:{port}{path}",
  IPAddressHTTPURL: "{scheme}://{netloc.address}:{port}{path}",
  HTTPResource: RESOURCE,
  HTTPHeader: `{key} @ ${HEADER_RESOURCE}`,
  URL: "{raw} @{network.name}",
  HTTPHeaderURL: `${HEADER} contains {url.raw}`,
  HTTPHeaderHostname: `${HEADER} contains {hostname.name}`,
  ImageMetadata: HEADER_RESOURCE,
  RESTAPI: "{api_url.scheme}://{api_url.netloc.name}:{api_url.port}{api_url.path}",
  APIDesignRule: "{name}",
  APIDesignRuleResult:
    "{rule.name} @ {rest_api.api_url.scheme}://{rest_api.api_url.netloc.name}:{rest_api.api_url.port}{rest_api.api_url.path}",
  ADRFindingType: "{id}",
  CVEFindingType: "{id}",
  CWEFindingType: "{id}",
  CAPECFindingType: "{id}",
  RetireJSFindingType: "{id}",
  SnykFindingType: "{id}",
  KATFindingType: "{id}",
  ExternalScan: "{name}",
  ReportData: "Report data of organization {organization_code}",
  AssetReport: "{report_type} for {input_ooi}",
  Report: "HydratedReport for ReportRecipe|{report_recipe.recipe_id}",
  HydratedReport: "HydratedReport for ReportRecipe|{report_recipe.recipe_id}",
};
