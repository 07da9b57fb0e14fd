#!/usr/bin/env bash
# Makes examples/raws: real answers of real servers, taken by real tools, all on this machine.
#
# Needs root and these Debian packages, none of them running as a service:
#   nmap nsd nginx-light openssh-server bind9-dnsutils curl openssl python3 util-linux iproute2
#
# It moves into network, mount, process and host name namespaces of its own first. There is only a
# loopback interface in there, with addresses that are reserved for documentation (RFC 5737, RFC 3849):
# nothing can reach the network, nothing that listens on this machine is seen, the usual ports are free,
# and all that it starts is gone when it ends. The raws are committed: nobody has to run this to use them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "${1:-}" != --inside ]; then
  [ "$(id -u)" = 0 ] || { echo "make-example-raws: run it as root: it makes namespaces" >&2; exit 2; }
  for tool in nmap nsd nginx sshd ssh-keygen dig curl openssl python3 unshare setpriv ip; do
    command -v "$tool" >/dev/null || { echo "make-example-raws: $tool is missing" >&2; exit 2; }
  done
  exec unshare --net --mount --pid --fork --kill-child --mount-proc --uts "$(command -v bash)" "$0" --inside
fi

hostname scanner.example.net
export TZ=UTC LC_ALL=C HOME=/nonexistent
raws="$here/../examples/raws"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

web=192.0.2.10 name_server=192.0.2.53 shop=192.0.2.20
large=(198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4)
ip link set lo up
for address in $web $name_server $shop "${large[@]}"; do ip address add "$address/32" dev lo; done
ip address add 2001:db8::10/128 dev lo nodad
# So that sshd can listen on port 22 without being root.
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start

### Certificates: a root, an intermediate, a leaf that expires in 12 days and one that lasts a year.

certificate() { # name, subject, days, key algorithm, extensions, [issuer]
  openssl genpkey -quiet -algorithm "${4%%:*}" -pkeyopt "${4#*:}" -out "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf '%b' "$5" >"$1.ext"
  if [ -n "${6:-}" ]; then
    openssl x509 -req -in "$1.csr" -CA "$6.pem" -CAkey "$6.key" -days "$3" -extfile "$1.ext" -out "$1.pem"
  else
    openssl x509 -req -in "$1.csr" -key "$1.key" -days "$3" -extfile "$1.ext" -out "$1.pem"
  fi 2>/dev/null
}
ec=EC:ec_paramgen_curve:P-256 rsa=RSA:rsa_keygen_bits:2048
authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
certificate root "/C=NL/O=Example Trust/CN=Example Root CA" 3650 $rsa "$authority"
certificate issuing "/C=NL/O=Example Trust/CN=Example Issuing CA" 1825 $ec "$authority" root
certificate www "/C=NL/O=Example, Inc./CN=www.example.com" 12 $ec \
  "subjectAltName=DNS:www.example.com,DNS:example.com,DNS:*.cdn.example.com,IP:$web,IP:2001:db8::10\n" issuing
certificate shop "/CN=shop.example.com" 365 $rsa "subjectAltName=DNS:shop.example.com\n" issuing
cat www.pem issuing.pem root.pem >www-chain.pem

### Servers

cat >example.com.zone <<ZONE
\$ORIGIN example.com.
\$TTL 3600
@        IN SOA   ns1 hostmaster 2026112301 7200 3600 1209600 300
@        IN NS    ns1
@        IN NS    ns2
@        IN A     $web
@        IN AAAA  2001:db8::10
@        IN MX    10 mail
@        IN MX    20 mail.example.net.
@        IN TXT   "v=spf1 ip4:$web include:_spf.example.net -all"
@        IN TXT   "quoted \"words\" and a back\\\\slash" " in two strings"
@        IN CAA   0 issue "ca.example.net"
@        IN CAA   128 iodef "mailto:security@example.com"
www  300 IN CNAME @
shop     IN A     $shop
mail     IN A     192.0.2.25
ns1      IN A     $name_server
ns2      IN A     192.0.2.54
_dmarc   IN TXT   "v=DMARC1; p=none; rua=mailto:dmarc@example.com"
ZONE
cat >nsd.conf <<CONF
server:
  ip-address: $name_server
  username: ""
  chroot: ""
  zonesdir: "$work"
  database: ""
  pidfile: "$work/nsd.pid"
  xfrdfile: "$work/xfrd.state"
  zonelistfile: "$work/zone.list"
  xfrdir: "$work"
  logfile: "$work/nsd.log"
  identity: "ns1.example.com"
remote-control:
  control-enable: no
zone:
  name: example.com
  zonefile: example.com.zone
CONF
nsd -d -c nsd.conf &

mkdir site
cp "$here/make-example-raws.html" site/index.html
cat >nginx.conf <<CONF
daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f;
  uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  types { text/html html; }
  server { listen $web:80; server_name www.example.com; return 301 https://www.example.com\$request_uri; }
  server {
    listen $web:443 ssl; server_name www.example.com; root $work/site;
    ssl_certificate $work/www-chain.pem; ssl_certificate_key $work/www.key;
    add_header X-Content-Type-Options nosniff;
    add_header Set-Cookie "session=0; Path=/; Secure; HttpOnly";
    add_header Set-Cookie "language=nl; Path=/";
  }
}
CONF
nginx -c "$work/nginx.conf" -e "$work/nginx.log" &

openssl s_server -accept $shop:8443 -cert shop.pem -key shop.key -cert_chain issuing.pem -www -quiet >/dev/null 2>&1 &
mkdir empty && python3 -m http.server --bind $web --directory empty 8000 >/dev/null 2>&1 &

secure_shell() { # address, whether it says what Debian it is
  ssh-keygen -q -t ed25519 -N "" -C "" -f "key-$1" && chown 65534 "key-$1"
  printf '%s\n' "ListenAddress $1" "HostKey $work/key-$1" "PidFile none" "UsePAM no" "DebianBanner $2" >"sshd-$1"
  setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v sshd)" -D -f "$work/sshd-$1" 2>/dev/null &
}
secure_shell $web yes
secure_shell $shop no

python3 - "${large[@]}" <<'PYTHON' &
# About half of the ports below 4000, others on each address, all of them open.
import random, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
sockets = []
for address in sys.argv[1:]:
    for port in random.Random(address).sample(range(1, 4001), 2100):
        sockets.append(socket.create_server((address, port), backlog=8))
print("listening", file=open("large.ready", "w"))
time.sleep(600)
PYTHON

answers() { timeout 1 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }
for server in $web/80 $web/443 $web/8000 $web/22 $shop/22 $shop/8443 $name_server/53; do
  for _ in $(seq 100); do answers "${server%/*}" "${server#*/}" && continue 2; sleep 0.1; done
  echo "make-example-raws: nothing listens on $server" >&2; exit 1
done
for _ in $(seq 100); do [ -e large.ready ] && break; sleep 0.1; done

### Answers: one file each, named as examples/raws/README.md lists them

mkdir out
nmap -n -Pn -T4 --no-stylesheet -sV -p 22,25,53,80,443,8000,8443 -oX - $web $shop >out/nmap-tcp
nmap -n -Pn -T4 --no-stylesheet -sU -sV -p 53,123,161 -oX - $name_server >out/nmap-udp
nmap -n -Pn -T4 --no-stylesheet -sS -p 1-4200 -oX - "${large[@]}" >out/nmap-large

for question in "example.com SOA" "example.com NS" "example.com A" "example.com AAAA" "example.com MX" \
  "example.com TXT" "example.com CAA" "www.example.com A" "www.example.com CNAME" "shop.example.com A" \
  "_dmarc.example.com TXT" "nothing.example.com A" "shop.example.com AAAA"; do
  # shellcheck disable=SC2086
  dig @$name_server +norecurse +nocookie $question
done >out/dig

fetch() { curl --silent --show-error --cacert root.pem --resolve "www.example.com:443:$web" \
  --resolve "www.example.com:80:$web" "$@"; }
fetch --head https://www.example.com/ >out/curl-headers
fetch https://www.example.com/ >out/curl-body
fetch --output /dev/null --write-out '%{json}' http://www.example.com/contact >out/curl-json

handshake() { openssl s_client -connect "$1" -servername "$2" -CAfile root.pem -showcerts </dev/null 2>/dev/null; }
handshake $web:443 www.example.com >out/tls-www
handshake $shop:8443 shop.example.com >out/tls-shop

banner() { timeout 5 bash -c "exec 3<>/dev/tcp/$1/22; head -n 1 <&3"; }
banner $web >out/ssh-banner-debian
banner $shop >out/ssh-banner-plain

python3 "$here/make-example-raws.py" out "$raws"
{
  date --utc '+%Y-%m-%d'
  nmap --version | head -1; nsd -v 2>&1 | head -1; dig -v 2>&1; nginx -v 2>&1; sshd -V 2>&1 | head -2 | tail -1
  curl --version | head -1 | cut -d' ' -f1,2; openssl version
} >"$raws/VERSIONS"
echo "made $(find "$raws" -name 'raw_meta_*' | wc -l) raws, $(du -sh "$raws" | cut -f1)"
