from whiskers import Finding, Hostname, Network, Nothing, log

Hostname(network=Network(name=3), name="x")
Hostname(nam="x")
Finding(finding_type="KATFindingType|x", ooi="x", description=7)
log.shout("x")
