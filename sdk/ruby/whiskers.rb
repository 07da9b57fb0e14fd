# frozen_string_literal: true

# The guest's side of the guest protocol, version 1, for Ruby as WebAssembly: one run, whose code was loaded when the
# module was built. A normalizer is `def run(meta, raw)`: what it gives, or yields, are objects and findings as hashes.
require "json"

module Whiskers
  VERSION = "0.1.0"
  RUN = 0x01
  RAW = 0x02
  READY = 0x10
  RECORDS = 0x11
  LOG = 0x12
  DONE = 0x13
  FAILED = 0x14
  HEADER = 9
  RECORDS_BYTES = 64 * 1024

  class BadInput < StandardError; end

  class << self
    # What each instance does.
    def serve
      # What was drawn when the module was built is in every instance.
      srand
      @input = File.open("/dev/stdin", "rb")
      @output = File.open("/dev/stdout", "wb")
      @output.sync = true
      # What a normalizer prints is its log.
      $stdout = $stderr
      STDIN.reopen("/dev/null")
      STDOUT.reopen("/dev/stderr")
      send_frame(READY, 0, JSON.generate(
        protocols: [1], sdk: { name: "whiskers-ruby", version: VERSION },
        language: { name: "ruby", version: RUBY_VERSION }, fork: false,
      ))
      work
    end

    # Levels: debug, info, warning, error.
    def log(message, level: "info")
      send_frame(LOG, @run, JSON.generate(level: level, message: message.to_s.scrub))
    end

    private

    def work
      head = header or return
      raise BadInput, "a frame of kind #{head[0]} instead of run" unless head[0] == RUN
      @run = head[1]
      request = JSON.parse(take(head[2]))
      meta = request.fetch("meta")
      raws = request.fetch("raws").map { |entry| read_raw(entry.fetch("size")) }
      raise BadInput, "more bytes than the raw files have" unless raw_length.zero?
      count = give(meta, raws.first || "".b)
      send_frame(DONE, @run, JSON.generate(records: count))
    rescue BadInput => error
      warn "whiskers: #{error.message}"
      exit! 65
    rescue Exception => error # rubocop:disable Lint/RescueException -- whatever it is, the host is told
      send_frame(FAILED, @run, JSON.generate(
        type: error.class.name.to_s[0, 256], message: error.message.to_s.scrub[0, 4096],
        stack: (error.backtrace || []).join("\n").scrub[0, 16_384], reason: "raised",
      ))
    end

    # A block is given what is yielded; what `run` returns counts as well, when it is a list.
    def give(meta, raw)
      lines = +""
      count = 0
      add = lambda do |record|
        lines << JSON.generate(record) << "\n"
        count += 1
        next if lines.bytesize < RECORDS_BYTES
        send_frame(RECORDS, @run, lines)
        lines.clear
      end
      given = Object.new.send(:run, meta, raw, &add)
      given.each(&add) if given.is_a?(Enumerable) && !given.is_a?(Hash)
      send_frame(RECORDS, @run, lines) unless lines.empty?
      count
    end

    def read_raw(size)
      content = "".b
      while content.bytesize < size
        length = raw_length
        raise BadInput, "a raw frame that does not fit its file" if length.zero? || content.bytesize + length > size
        content << take(length)
      end
      content
    end

    def raw_length
      kind, run, length = header
      raise BadInput, "not the raw frame that was expected" unless kind == RAW && run == @run
      length
    end

    # Kind, run, length; nil: there is no more.
    def header
      bytes = @input.read(HEADER)
      return nil if bytes.nil?
      raise BadInput, "the input ends in a frame" if bytes.bytesize < HEADER
      length, kind, run = bytes.unpack("NCN")
      [kind, run, length]
    end

    def take(length)
      bytes = length.zero? ? "".b : @input.read(length)
      raise BadInput, "the input ends in a frame" if bytes.nil? || bytes.bytesize < length
      bytes
    end

    def send_frame(kind, run, payload)
      @output.write([payload.bytesize, kind, run].pack("NCN") + payload.b)
    end
  end
end
