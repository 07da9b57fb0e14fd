# Every line of the raw file that is a hostname.
HOSTNAME = /\A[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*\z/

def run(meta, raw)
  yield({ object_type: "Network", name: "internet" })
  names = raw.force_encoding("UTF-8").scrub("").downcase.split("\n").map(&:strip).reject(&:empty?).uniq
  names.each do |name|
    next unless name.length <= 253 && name.match?(HOSTNAME)
    yield({ object_type: "Hostname", network: "Network|internet", name: name })
  end
  Whiskers.log("#{names.length} different lines")
  nil
end
