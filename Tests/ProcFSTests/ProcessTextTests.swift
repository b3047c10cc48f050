import ProcFS
import Testing

struct ProcessTextTests {
    static let rest = "0 0 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0"

    @Test(
        "stat: the name may hold anything",
        arguments: [
            ("plain", "121 (courieresmtpd) S 117 \(rest) 349442 1 2\n", "courieresmtpd", "S", 117, 349442),
            ("blanks", "121 (a b c) R 117 \(rest) 7 1\n", "a b c", "R", 117, 7),
            ("parentheses", "9 (a) S 1 (b) Z 5 \(rest) 8 1\n", "a) S 1 (b", "Z", 5, 8),
            ("ends at the start time", "9 (x) D 5 \(rest) 18446744073709551615", "x", "D", 5, UInt64.max),
            ("empty name", "9 () T 5 \(rest) 8 1\n", "", "T", 5, 8),
        ] as [(String, String, String, String, Int32, UInt64)])
    func stat(_ name: String, _ text: String, command: String, state: String, parent: Int32, start: UInt64) throws {
        let found = try #require(readStat(of: text), "\(name)")
        #expect(found.command == command, "\(name)")
        #expect(String(decoding: [found.state], as: UTF8.self) == state, "\(name)")
        #expect(found.parent == parent && found.startTicks == start, "\(name)")
    }

    @Test(
        "stat: what is none",
        arguments: [
            "", "\n", "(", ")", "()", "1 ()", "1 (x", "1 x) S 2", "1 (x) S", "1 (x) S 2 \(rest)",
            "1 (x) S -2 \(rest) 5",
            "99999999999 (x) S 2 \(rest) 5", "1 (x) S 2 \(rest) 18446744073709551616 1", "x (x) S 2 \(rest) 5", "1 (x)",
        ])
    func badStat(_ text: String) {
        #expect(readStat(of: text) == nil)
    }

    @Test("stat: every beginning of a line is read or refused, never a trap")
    func truncatedStat() {
        let whole = "121 (a) b) S 117 \(Self.rest) 349442 1 2\n"
        let lengths = (0...whole.utf8.count).filter { readStat(of: String(whole.prefix($0))) != nil }
        // Only those that reach into the last field wanted.
        let needed = whole.utf8.count - "49442 1 2\n".utf8.count
        #expect(lengths == Array(needed...whole.utf8.count))
    }

    @Test(
        "children",
        arguments: [
            ("", []), ("121 ", [121]), ("121 124 126 ", [121, 124, 126]), ("121", [121]), ("\n", []),
            ("12x 5 ", [5]), ("99999999999999999999 7 ", [7]), ("0 8 ", [8]),
        ] as [(String, [Int32])])
    func children(_ text: String, expected: [Int32]) {
        #expect(readChildren(in: text) == expected)
    }

    @Test(
        "capabilities of a status file",
        arguments: [
            ("CapPrm:\t0000000000000001\nCapEff:\t00000000a80425fb\nCapBnd:\t0\n", 0xa804_25fb),
            ("CapEff:\t000001ffffffffff\n", 0x1ff_ffff_ffff), ("CapEff:\t0", 0), ("", nil), ("CapEff:\n", nil),
            ("CapEff:\t0000000000000000f\n", nil), ("CapEff:\tgg\n", nil), ("CapEff", nil),
        ] as [(String, UInt64?)])
    func capabilitySets(_ text: String, expected: UInt64?) {
        #expect(capabilities(in: text) == expected)
    }

    @Test(
        "links of descriptors",
        arguments: [
            ("socket:[72934]", 72934), ("pipe:[72934]", nil), ("socket:[]", nil), ("socket:[-1]", nil),
            ("socket:[4294967296]", nil), ("/tmp/socket:[1]", nil), ("socket:[1", nil), ("anon_inode:[eventpoll]", nil),
        ] as [(String, UInt32?)])
    func links(_ target: String, inode: UInt32?) {
        #expect(socketInode(linkTarget: target) == inode)
    }

    @Test(
        "program names",
        arguments: [
            ("/usr/lib/courier/courier/modules/esmtp/courieresmtpd", "courieresmtpd"),
            ("/usr/sbin/courieresmtpd (deleted)", "courieresmtpd"), ("/", ""), ("", ""),
            ("/tmp/courieresmtpd/x", "x"),
        ])
    func programs(_ target: String, name: String) {
        #expect(programName(linkTarget: target) == name)
    }

    @Test(
        "environment",
        arguments: [
            ("PATH=/bin\0TCPREMOTEIP=::ffff:192.0.2.7\0", "::ffff:192.0.2.7"),
            ("TCPREMOTEIP=first\0TCPREMOTEIP=second\0", "first"),
            ("XTCPREMOTEIP=no\0TCPREMOTEIPX=no\0", nil), ("TCPREMOTEIP\0", nil), ("TCPREMOTEIP=", ""), ("", nil),
            ("A=TCPREMOTEIP=x\0", nil), ("\0\0TCPREMOTEIP=1\0", "1"),
            ("TCPREMOTEIP=" + String(repeating: "1", count: 257) + "\0", nil),
        ] as [(String, String?)])
    func environment(_ text: String, value: String?) {
        #expect(peerAddress(in: text) == value)
    }

    @Test(
        "system calls",
        arguments: [
            ("230 0x0 0x0 0x7ffd8cb39510 0x7ffd8cb39510 0x1999999999999999 0x0 0x7ffd8cb394f8 0x7fc9f117b503\n", 230),
            ("running\n", nil), ("-1 0x7ffd8cb394f8 0x7fc9f117b503\n", nil), ("", nil), ("230", nil),
        ] as [(String, Int?)])
    func systemCalls(_ text: String, number: Int?) {
        #expect(systemCall(in: text) == number)
    }

    @Test(
        "counts",
        arguments: [
            ("rchar: 1\nwchar: 59\nsyscr: 2\n", 59), ("wchar:7", 7), ("xwchar: 7\n", nil), ("wchar: -7\n", nil),
            ("", nil),
        ] as [(String, UInt64?)])
    func counts(_ text: String, number: UInt64?) {
        #expect(written(in: text) == number)
    }

    @Test(
        "memory",
        arguments: [
            ("Name:\tx\nVmRSS:\t    5300 kB\nThreads:\t1\n", 5300 * 1024), ("XVmRSS: 1 kB\n", nil), ("VmRSS:", nil),
            ("VmRSS: 18446744073709551615 kB\n", nil), ("VmRSS: kB\n", nil),
        ] as [(String, UInt64?)])
    func memory(_ text: String, bytes: UInt64?) {
        #expect(residentBytes(in: text) == bytes)
    }
}

// The readers take spans, which a macro's argument cannot be.
private func readStat(of text: String) -> ProcessStat? { ProcessStat(Array(text.utf8).span) }
private func capabilities(in text: String) -> UInt64? { bitsField("CapEff", in: Array(text.utf8).span) }
private func readChildren(in text: String) -> [Int32] { childList(Array(text.utf8).span) }
private func peerAddress(in text: String) -> String? { environmentValue("TCPREMOTEIP", in: Array(text.utf8).span) }
private func systemCall(in text: String) -> Int? { systemCallNumber(Array(text.utf8).span) }
private func written(in text: String) -> UInt64? { numberField("wchar", in: Array(text.utf8).span) }
private func residentBytes(in text: String) -> UInt64? { kilobyteField("VmRSS", in: Array(text.utf8).span) }

struct ProcessEntryTests {
    @Test("our own process is there")
    func own() throws {
        let own = ProcessEntry.own
        let stat = try #require(own.stat)
        #expect(stat.pid == own.pid)
        #expect(!stat.hasEnded)
        #expect(own.executable?.hasPrefix("/") == true)
        #expect(own.commandLine?.first?.isEmpty == false)
        #expect(try #require(own.residentBytes) > 1 << 20)
        #expect(own.effectiveCapabilities != nil)
        #expect(ProcessEntry(stat.parent).stat != nil)
        #expect(try #require(ProcessEntry.all()).contains(own))
        #expect(ProcessClock.age(startTicks: stat.startTicks) < .seconds(86400))
    }

    @Test("a process that is not there is nil everywhere")
    func absent() {
        // Beyond the largest pid_max there is.
        let absent = ProcessEntry(4_194_305)
        #expect(absent.stat == nil && absent.executable == nil && absent.environment == nil && absent.sockets() == nil)
        #expect(absent.commandLine == nil && absent.systemCall == nil && absent.residentBytes == nil)
        #expect(absent.children.isEmpty && absent.isTCP(at: 0) == nil && absent.socket(at: 0) == nil)
    }

    @Test(
        "a system call's number and arguments",
        arguments: [
            ("poll", "7 0x7ffc1 0x1 0x493e0 0x0 0x0 0x0 0x7ffc0 0x7f1c\n", 7, [0x7ffc1, 1, 0x493e0, 0, 0, 0]),
            ("large", "0 0x0 0xffffffffffffffff 0x2 0x3 0x4 0x5 0x6 0x7\n", 0, [0, UInt64.max, 2, 3, 4, 5]),
            ("running", "running\n", nil, []), ("in none", "-1 0x7ffc 0x7f1c\n", nil, []),
            ("cut", "7 0x1 0x2", nil, []),
            ("empty", "", nil, []),
        ] as [(String, String, Int?, [UInt64])])
    func call(_ name: String, text: String, number: Int?, arguments: [UInt64]) {
        let bytes = Array(text.utf8)
        let call = systemCall(bytes.span)
        #expect(call?.number == number, "\(name)")
        #expect(call?.arguments ?? [] == arguments, "\(name)")
    }

    @Test("what an epoll set watches for reading")
    func epoll() {
        let text = """
            pos:\t0
            flags:\t02000002
            mnt_id:\t15
            tfd:        5 events:       19 data:                5  pos:0 ino:2c sdev:8
            tfd:       12 events: 8000001d data:                c  pos:0 ino:2d sdev:8
            tfd:        7 events:        4 data:                7  pos:0 ino:2e sdev:8
            tfd:        8 events:
            tfd:        9
            tfd: 99999999999 events: 19

            """
        let bytes = Array(text.utf8)
        #expect(epollTargets(bytes.span) == [5, 12])
    }
}
