# curl --write-out '%{json}': where a web server answered, and where it redirects to.

def parts: capture("^(?<scheme>https?)://(?<host>[^/:?#]+)(:(?<port>[0-9]+))?(?<path>/[^?#]*)?(?<query>\\?[^#]*)?"; "i");
def port: if .port then (.port | tonumber) elif .scheme == "https" then 443 else 80 end;

# Objects of one web address; "$id" is the last one's, for others to refer to.
def web_url($network; $id):
  (.scheme |= ascii_downcase | .host |= ascii_downcase)
  | { object_type: "Hostname", "$id": "host of \($id)", network: $network, name: .host },
    { object_type: "HostnameHTTPURL", "$id": $id, network: $network, scheme, port: port,
      path: ((.path // "/") + (.query // "")), netloc: { "$ref": "#host of \($id)" } };

($meta[0].raw_data.boefje_meta.input_ooi // "|internet" | split("|")[1]) as $name
| "Network|\($name)" as $network
# Not just `.`: without any input jq would succeed, and tell OpenKAT that nothing is there any more.
| ([inputs][0] // error("the raw file is empty"))
| if .exitcode != 0 then error("curl got no answer: \(.errormsg)") else . end
| (if .remote_ip | contains(":") then "IPAddressV6" else "IPAddressV4" end) as $address_type
| (.scheme | ascii_downcase) as $service
| [.redirect_url // empty | parts] as $redirect
| { object_type: $address_type, "$id": "address", network: $network, address: .remote_ip },
  { object_type: "IPPort", "$id": "port", address: { "$ref": "#address" }, protocol: "tcp", port: .remote_port, state: "open" },
  { object_type: "Service", "$id": "service", name: $service },
  { object_type: "IPService", "$id": "ip service", ip_port: { "$ref": "#port" }, service: { "$ref": "#service" } },
  (.url_effective | parts | web_url($network; "here")),
  { object_type: "Website", "$id": "website", ip_service: { "$ref": "#ip service" }, hostname: { "$ref": "#host of here" } },
  ($redirect[] | web_url($network; "there")),
  { object_type: "HTTPResource", website: { "$ref": "#website" }, web_url: { "$ref": "#here" },
    redirects_to: (if $redirect == [] then null else { "$ref": "#there" } end) }
