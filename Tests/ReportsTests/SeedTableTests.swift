import Addresses
import Events
import Origins
import Reports
import Testing

/// The other tables of the posts, each from a log with its counts.
@Suite(.serialized) struct SeedTableTests {
    // MARK: - The weeks of July 2005

    private static let zones = [
        "cbl": "cbl.abuseat.org", "sbl": "sbl.spamhaus.org", "spews": "spews.relays.osirusoft.com",
        "sdul": "dul.dnsbl.sorbs.net", "dsbl": "list.dsbl.org", "njabl": "dnsbl.njabl.org", "ordb": "relays.ordb.org",
        "opm": "opm.blitzed.org",
    ]

    @Test(arguments: [
        (day(2005, 7, 23), "bad/missing reverse DNS", 12_190), (day(2005, 7, 30), "bad or no reverse DNS", 275),
    ])
    func `rejections at connect time, with what the post does not name`(last: Instant, reverse: String, other: Int)
        throws
    {
        let rows = try Table.rows("connect-rejections-week-" + last.rfc3339.prefix(10))
        let total = try #require(Int(rows[0][0]))
        var counts: [(name: String, count: Int)] = rows.dropFirst().map { ($0[1], Int($0[0]) ?? 0) }
        #expect(total - counts.reduce(0) { $0 + $1.count } == other)
        counts.append(("other", other))
        var log = CountedLog("connect-rejections-\(last.rfc3339.prefix(10))")
        var number = 0
        for row in counts {
            for _ in 0..<row.count {
                number += 1
                let time = last - .days(6) + .seconds(Int64(number * 23 % 604_800))
                let peer = address(number % 9200)
                switch row.name {
                case reverse:
                    log.reject(time, peer, "550 5.7.1 Client host rejected: cannot find your hostname, [\(peer)]")
                case "dynamic IP":
                    log.reject(time, peer, "554 5.7.1 Client host rejected: dynamic IP, use your provider's server")
                case "other":
                    log.reject(time, peer, "554 5.7.1 <unknown[\(peer)]>: Client host rejected: Access denied")
                default: log.list(time, peer, try #require(Self.zones[String(row.name.dropFirst("class bl-".count))]))
                }
            }
        }
        let section = base(log, last - .days(6), last).connect
        for row in counts {
            let name = row.name == reverse ? Label.badReverseDNS : row.name
            #expect(section.row(name)?[2] == "\(row.count)", "\(name)")
        }
        #expect(section.row("total")?[2] == "\(total)")
        #expect(section.rows.count == counts.count + 1)
    }

    @Test(arguments: [
        (day(2005, 7, 23), 186_000, 35_000, 24_003, 9200, 1330, 197),
        (day(2005, 7, 30), 295_000, 38_000, 25_376, 9400, 1227, 189),
    ])
    func `from connection to delivery`(
        last: Instant, connections: Int, addresses: Int, rejections: Int, rejected: Int, talked: Int, delivered: Int
    ) throws {
        let rows = try Table.rows("week-funnel-2005").filter { $0[0] == last.rfc3339.prefix(10) }
        for count in [connections, addresses, talked, delivered] {
            #expect(rows.contains { $0[2] == "\(count)" }, "\(count) is not in the table")
        }
        var log = CountedLog("funnel-\(last.rfc3339.prefix(10))")
        let begin = last - .days(6)
        func time(_ number: Int) -> Instant { begin + .seconds(Int64(number) * 2) }
        for number in 0..<connections { log.connect(time(number), address(number % addresses)) }
        for number in 0..<rejections { log.list(time(number), address(number % rejected), "cbl.abuseat.org") }
        for number in 0..<(talked - delivered) {
            log.reject(
                time(number), address(20_000 + number),
                "550 5.1.1 <c@d.example>: Recipient address rejected: User unknown")
        }
        for number in 0..<delivered * 3 { log.accept(time(number), address(30_000 + number % delivered)) }
        let base = base(log, begin, last)
        #expect(
            base.funnel.figures.map { $0[2] } == [
                "\(connections)", "\(addresses)", "\(rejections)", "\(rejected)", "\(talked)", "\(delivered)",
            ])
        #expect(base.funnel.figures[0][0] == String(last.rfc3339.prefix(10)))
        #expect(base.senders.row("week")?[2] == "\(delivered)")
        #expect(base.senders.row("week")?[4] == "\(delivered * 3)")
    }

    @Test func `the single record of the post, from class to listing to addresses`() throws {
        var log = CountedLog("listing-2005-07-30")
        let begin = day(2005, 7, 30)
        for number in 0..<97 {
            log.list(
                begin + .seconds(Int64(number)), address(number % 2), "sbl.spamhaus.org",
                "; http://www.spamhaus.org/SBL/sbl.lasso?query=SBL24651")
        }
        for number in 0..<40 {
            log.list(
                begin + .seconds(Int64(number)), address(number), "cbl.abuseat.org",
                "; http://cbl.abuseat.org/lookup.cgi?ip=\(address(number))")
        }
        let section = base(log, begin, begin).listings
        #expect(section.figures[0] == ["class bl-sbl", "SBL24651", "97", "2", "10.0.0.0 (49) 10.0.0.1 (48)"])
        #expect(
            section.figures.contains { $0[0] == "class bl-cbl" && $0[1] == "all" && $0[2] == "40" && $0[3] == "40" })
        #expect(section.rows.count == 3)
    }

    @Test func `distinct addresses by autonomous system within 28 days`() throws {
        let rows = try Table.rows("distinct-ips-per-asn-28days-2005-07-26")
        let last = day(2005, 7, 26)
        var log = CountedLog("distinct-ips-per-asn-2005-07-26")
        var names: [UInt32: String] = [:]
        for (block, row) in rows.enumerated() {
            let asn = try #require(UInt32(row[1].dropFirst(2)))
            names[asn] = row[2]
            for number in 0..<(try #require(Int(row[0]))) {
                // Each comes on several days, as connections are not what is counted.
                for day in 0..<(1 + number % 3) {
                    log.list(
                        last - .days(Int64((number + day * 5) % 28)), address(block << 16 | number, 0x0b00_0000),
                        "cbl.abuseat.org")
                }
            }
        }
        for number in 0..<17 { log.list(last, address(number, 0x0c00_0000), "cbl.abuseat.org") }
        let base = base(log, last, last)
        let numbers = rows.map { UInt32($0[1].dropFirst(2)) }
        base.origin = { peer in
            guard let v4 = peer.v4, v4 >> 24 == 0x0b else { return nil }
            return Origin(asn: numbers[Int(v4 >> 16 & 0xff)])
        }
        base.ownerName = { names[$0] }
        let section = try #require(base.systems)
        #expect(
            section.figures.prefix(20).map { Array($0.prefix(3)) }.sorted { $0[1] < $1[1] }
                == rows.sorted { $0[1] < $1[1] })
        #expect(section.figures.prefix(20).map { $0[0] } == rows.map { $0[0] })
        #expect(section.figures.last?.prefix(2) == ["17", "unlocated"])
    }

    // MARK: - The United States in February 2011

    @Test func `rejected by country, server and day`() throws {
        let rows = try Table.rows("country-us-by-server-and-day-2011")
        var log = CountedLog("country-us-2011")
        for row in rows {
            let parts = row[1].split(separator: "-").compactMap { Int($0) }
            let begin = day(parts[0], parts[1], parts[2])
            let count = try #require(Int(row[2]))
            for number in 0..<count {
                let peer = address(number % 3000, 0x0b00_0000)
                log.list(begin + .seconds(Int64(number * 7 % 86_400)), peer, "zen.spamhaus.org", host: "mx\(row[0])")
            }
            for number in 0..<(count / 10) {
                log.list(begin + .seconds(60), address(number, 0x0c00_0000), "zen.spamhaus.org", host: "mx\(row[0])")
            }
            log.list(begin, address(1, 0x0d00_0000), "zen.spamhaus.org", host: "mx\(row[0])")
        }
        func origin(_ peer: IPAddress) -> Origin? {
            switch (peer.v4 ?? 0) >> 24 {
            case 0x0b: Origin(country: Country("US"))
            case 0x0c: Origin(country: Country("CL"))
            default: nil
            }
        }
        let week = base(log, day(2011, 2, 20), day(2011, 2, 26))
        week.origin = origin
        let days = try #require(week.countryDays)
        for row in rows {
            #expect(days.figures.contains(["US", "mx\(row[0])", row[1], row[2]]), "\(row)")
        }
        for (last, sum) in [(day(2011, 2, 24), 2101), (day(2011, 2, 25), 10_148)] {
            let one = base(log, last, last)
            one.origin = origin
            let section = try #require(one.countries)
            #expect(section.row("US")?[1] == "\(sum)")
            #expect(section.row("unlocated")?[1] == "2")
            // The post's "10 times the runner-up".
            #expect(section.row("US")?[3].hasPrefix("x10.") == true)
        }
    }
}
