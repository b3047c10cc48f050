import Addresses
import Dialects
import Events
import Reports

/// A number after the other from a seed (SplitMix64), so that a failure comes again.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
    mutating func pick<Item>(_ items: [Item]) -> Item { items[below(items.count)] }
}

/// Lines as Postfix writes them, read by the real parser into a tally.
enum RandomLog {
    static let hosts = ["mx1", "mx2"]
    /// Midnight of 21 February 2011, UTC.
    static let begin = CivilTime(year: 2011, month: 2, day: 21).instant()

    /// `count` sessions of some 300 sources on both hosts over three days, in the order of their times.
    static func lines(_ count: Int, seed: UInt64) -> [String] {
        var dice = Dice(seed)
        var lines: [(time: Instant, number: Int, text: String)] = []
        for number in 0..<count {
            let time = begin + .seconds(Int64(dice.below(3 * 86400)))
            let peer =
                dice.below(8) == 0
                ? "2001:db8:\(String(dice.below(40), radix: 16))::\(dice.below(3) + 1)"
                : "198.51.\(dice.below(3)).\(dice.below(100))"
            let origin = "\(dice.below(2) == 0 ? "unknown" : "dsl-\(number).example.net")[\(peer)]"
            let host = dice.pick(hosts)
            let pid = 100 + number
            func say(_ after: Int, _ program: String, _ text: String) {
                let at = time + .seconds(Int64(after))
                lines.append((at, lines.count, "\(at.rfc3339Microseconds) \(host) postfix/\(program)[\(pid)]: \(text)"))
            }
            say(0, "smtpd", "connect from \(origin)")
            let envelope = "from=<a\(number)@example.org> to=<b@example.com> proto=ESMTP helo=<x\(number)>"
            func reject(_ reply: String) {
                say(1, "smtpd", "NOQUEUE: reject: RCPT from \(origin): \(reply); \(envelope)")
            }
            switch dice.below(9) {
            case 0, 1, 2:
                let zone = dice.pick(["cbl.abuseat.org", "zen.spamhaus.org", "list.dsbl.org"])
                reject(
                    "554 5.7.1 Service unavailable; Client host [\(peer)] blocked using \(zone); http://\(zone)/q?\(peer)"
                )
            case 3:
                reject(
                    "554 5.7.1 Service unavailable; Client host [\(peer)] blocked using sbl.spamhaus.org; "
                        + "http://www.spamhaus.org/SBL/sbl.lasso?query=SBL\(24650 + dice.below(4))")
            case 4:
                reject("550 5.1.1 <u\(number)@example.com>: Recipient address rejected: User unknown in local table")
            case 5: reject("554 5.7.1 <\(peer)>: Helo command rejected: Access denied")
            case 6: reject("450 4.7.1 Client host rejected: cannot find your hostname, [\(peer)]")
            case 7:
                let id = "A\(padded(number, 9))"
                say(1, "smtpd", "\(id): client=\(origin)")
                say(2, "qmgr", "\(id): from=<a@example.org>, size=1200, nrcpt=1 (queue active)")
            default: break
            }
            say(3, "smtpd", "disconnect from \(origin) ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")
        }
        return lines.sorted { ($0.time, $0.number) < ($1.time, $1.number) }.map(\.text)
    }

    static func tally(_ lines: some Sequence<String>, into tally: inout Tally) {
        var reader = LogReader()
        var event = Event()
        for line in lines {
            let bytes = Array(line.utf8)
            guard reader.read(bytes.span, into: &event),
                let time = reader.header.time(in: bytes.span, reference: begin + .days(4))
            else { continue }
            tally.add(event, at: time, header: reader.header, in: bytes.span)
        }
    }

    static func tally(_ lines: some Sequence<String>) -> Tally {
        var result = Tally()
        tally(lines, into: &result)
        return result
    }
}

extension Tally {
    /// All that it counted, in a form that is the same for the same counts.
    var contents: [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: keys.map { ("\($0.span) \($0.number) \($0.host)", encoded($0) ?? []) })
    }
}
