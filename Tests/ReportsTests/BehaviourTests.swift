import Addresses
import Events
import Reports
import Testing

/// Retries, slots, lists, texts: what is told of how sources behave.
@Suite struct BehaviourTests {
    static let begin = day(2026, 3, 2)

    @Test func `gaps between attempts, to the minute and over midnight`() {
        var log = CountedLog()
        for minutes in [0, 0, 1, 4, 12, 12 + 40, 1440 + 200] {
            log.list(
                Self.begin + .minutes(Int64(minutes)) + .seconds(minutes == 0 ? 5 : 0), address(1), "zen.spamhaus.org")
        }
        log.list(Self.begin, address(2), "zen.spamhaus.org")
        log.list(Self.begin + .minutes(9), address(2), "zen.spamhaus.org")
        let section = ReportBase(log.tally).retries
        #expect(
            section.figures.map { Array($0.prefix(2)) } == [
                ["within a minute", "1"], ["1 min", "1"], ["2-3 min", "1"], ["8-15 min", "2"], ["32-63 min", "1"],
                ["17-34 h", "1"],
            ])
        #expect(section.notes[0].hasPrefix("1 sources came several times within 15 minutes"))
        #expect(
            ReportBase(log.tally).repeaters.figures[0].prefix(6) == [
                "10.0.0.1", "7", "7", "2026-03-02 00:00", "2026-03-03 03:20", "8m",
            ])
    }

    @Test func `slot-seconds of those that were rejected`() {
        var log = CountedLog()
        for number in 0..<10 {
            let time = Self.begin + .hours(23) + .minutes(59) + .seconds(Int64(number))
            log.connect(time, address(number))
            log.list(time + .seconds(1), address(number), "zen.spamhaus.org")
            // Beyond midnight.
            log.disconnect(time + .seconds(100), address(number))
        }
        log.connect(Self.begin, address(77))
        log.accept(Self.begin + .seconds(1), address(77))
        log.disconnect(Self.begin + .seconds(2), address(77))
        log.connect(Self.begin, address(78))
        log.list(Self.begin + .seconds(1), address(78), "zen.spamhaus.org")
        let base = ReportBase(log.tally)
        base.watched = Watched(step: .seconds(5))
        base.watched?.bytesPerSlot = 3_400_000
        #expect(
            base.slots.figures == [
                ["were rejected, and delivered nothing", "10", "1000", "99.80%", "100.0", "1"],
                ["did nothing the log tells of", "0", "0", "0.00%", "-", "0"],
                ["delivered", "1", "2", "0.20%", "2.0", "0"],
            ])
        #expect(base.slots.notes[0] == "A slot takes 3.4 MB of memory.")
        base.watched?.limit = 300
        #expect(base.slots.notes[0] == "A slot takes 3.4 MB of memory, and all 300 about 1.0 GB.")
    }

    @Test func `which list is useless, and which is dangerous`() throws {
        var log = CountedLog()
        for number in 0..<3000 { log.list(Self.begin, address(number), "cbl.abuseat.org") }
        for number in 0..<4 { log.list(Self.begin + .hours(5), address(number), "opm.blitzed.org") }
        for number in 0..<20 {
            log.list(Self.begin, address(5000 + number), "bl.parked.example")
            log.accept(Self.begin, address(5000 + number))
        }
        for number in 0..<30 {
            log.list(
                Self.begin, address(6000 + number), "bl.full.example",
                "; Error: open resolver; https://127.255.255.254/")
        }
        let section = ReportBase(log.tally).lists
        #expect(section.row("cbl")?[2...] == ["3000", "98.23%", "2026-03-02 00:00", "0", "3000", "0", "in use"])
        #expect(section.row("opm")?[2...] == ["4", "0.13%", "2026-03-02 05:00", "0", "4", "0", "closest to unused"])
        #expect(section.row("parked")?.last == "dangerous: lists known senders")
        #expect(section.row("parked")?[7] == "20")
        #expect(section.row("full")?.last == "dangerous: error answers taken for listings")
        #expect(section.row("full")?[5] == "30")
    }

    @Test func `a storm of one text is told, whatever the addresses in it`() {
        var log = CountedLog()
        for number in 0..<60 {
            let peer = address(number * 7919)
            log.reject(
                Self.begin, peer,
                "554 5.7.1 <host-\(number).example.net[\(peer)]>: Client host rejected: go away \(number), see http://x.example/\(number)?\(peer)"
            )
        }
        for number in 0..<40 {
            log.reject(
                Self.begin, address(number),
                "550 5.1.1 <u\(number)@d.example>: Recipient address rejected: User unknown \(["a", "b", "c", "d"][number % 4])"
            )
        }
        let section = ReportBase(log.tally).texts
        #expect(
            section.figures[0] == [
                "60", "60.00%", "554 5.7.1 <>: Client host rejected: go away #, see http://x.example/",
            ])
        #expect(section.figures.count == 5)
        #expect(section.notes.contains { $0.contains("60.00%") })
    }

    @Test func `networks by what was rejected of them`() {
        var log = CountedLog()
        for number in 0..<30 { log.list(Self.begin, address(number, 0xc633_6400), "zen.spamhaus.org") }
        for number in 0..<50 { log.list(Self.begin, address(number % 5, 0xcb00_7100), "zen.spamhaus.org") }
        for text in ["2001:db8:7:1::1", "2001:db8:7:1::2", "2001:db8:7:2::1"] {
            if let peer = IPAddress(text) { log.list(Self.begin, peer, "zen.spamhaus.org") }
        }
        #expect(
            ReportBase(log.tally).networks.figures.map { Array($0.prefix(4)) } == [
                ["203.0.113.0/24", "5", "50", "50"], ["198.51.100.0/24", "30", "30", "30"],
                ["2001:db8:7::/48", "2", "3", "3"],
            ])
    }
}
