// A process that writes to a store, for tests that end it from outside and for measurements.
//
//     StoreHelper write DIR        bans without end; prints "flushed N" whenever the first N are on disk
//     StoreHelper memory DIR N     N bans written and read back; prints times, file size and resident memory

import Addresses
import Events
import Glibc
import Posix
import Store

func ban(_ number: Int, at now: Instant) -> StoredBan {
    let host = Prefix(IPAddress(v4: 0x0a00_0000 | UInt32(truncatingIfNeeded: number)))
    return StoredBan(
        Ban(prefix: host, since: now, until: now + .days(1), timeout: .days(1), why: "rbl:zen.example"), hits: number)
}

func milliseconds(_ body: () throws -> Void) rethrows -> Int64 {
    let start = MonotonicClock.nanoseconds()
    try body()
    return (MonotonicClock.nanoseconds() - start) / 1_000_000
}

func residentKilobytes() -> String {
    let status = String(decoding: (try? contents(of: "/proc/self/status")) ?? [], as: UTF8.self)
    return status.split(separator: "\n").first { $0.hasPrefix("VmRSS") }.map(String.init) ?? "VmRSS unknown"
}

let arguments = CommandLine.arguments
guard arguments.count >= 3 else { exit(64) }
let directory = StateDirectory(arguments[2])
let clock = AnchoredClock()
print("before:", residentKilobytes())
let writer = try StoreWriter(directory, now: { clock.now })

switch arguments[1] {
case "write":
    var count = 0
    while true {
        for _ in 0..<200 {
            writer.post(.ban(ban(count, at: clock.now)))
            let evidence = [Array("Nov 20 22:44:56 mx courieresmtpd: error,relay=::ffff:10.0.0.1,port=37809".utf8)]
            let prefix = ban(count, at: clock.now).ban.prefix
            writer.post(
                .decision(Decision(.ban, at: clock.now, prefix: prefix, why: "rbl", outcome: .done), evidence: evidence)
            )
            count += 1
        }
        guard writer.flush(timeout: .minutes(1)) else { exit(1) }
        print("flushed \(count)")
        fflush(nil)
    }
case "memory":
    let total = arguments.count > 3 ? Int(arguments[3]) ?? 0 : 0
    print("opened:", residentKilobytes())
    let posting = milliseconds { for number in 0..<total { writer.post(.ban(ban(number, at: clock.now))) } }
    let writing = milliseconds { writer.flush(timeout: .minutes(1)) }
    print("posted \(total) in \(posting) ms, on disk after another \(writing) ms:", residentKilobytes())
    var count = 0
    let reading = try (0..<5).map { _ in try milliseconds { count = try writer.reader.bans(at: clock.now).count } }
    print("read \(count), five times, in \(reading) ms:", residentKilobytes())
    writer.close(timeout: .minutes(1))
default: exit(64)
}
