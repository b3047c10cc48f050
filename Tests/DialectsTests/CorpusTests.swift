import Addresses
import Dialects
import Events
import Foundation
import Testing

/// Logs that real servers wrote of hostile clients (scripts/lab/corpus_<mta>.py), and what each line's client really
/// was. The lines go through all dialects, as they do in the daemon.
@Suite struct CorpusTests {
    struct Log: CustomTestStringConvertible, Sendable {
        var mta: String
        var name: String
        var testDescription: String { "\(mta)/\(name)" }
    }

    /// Every `Fixtures/corpus/<mta>/NAME.log` that has a `NAME.truth.tsv`.
    static let logs: [Log] = {
        let files = FileManager.default
        let names = { (path: String) in ((try? files.contentsOfDirectory(atPath: path)) ?? []).sorted() }
        let top = Fixtures.corpus.path
        return names(top).flatMap { mta in
            names("\(top)/\(mta)").filter { $0.hasSuffix(".truth.tsv") }
                .map { Log(mta: mta, name: String($0.dropLast(".truth.tsv".count))) }
        }
    }()

    /// A row of the truth; `nil` where it is `-`.
    struct Truth {
        var peer, rejectionClass, code, zone: String?

        init(_ row: String) throws {
            let fields = row.split(separator: "\t", omittingEmptySubsequences: false).dropFirst()
                .map { $0 == "-" ? nil : String($0) }
            try #require(fields.count == 4)
            (peer, rejectionClass, code, zone) = (fields[0], fields[1], fields[2], fields[3])
        }
    }

    @Test(arguments: logs) func `every rejection by a list is found, and nobody else is named`(log: Log) throws {
        let lines = try Fixtures.corpusLines("\(log.mta)/\(log.name).log")
        let rows = try Fixtures.corpusLines("\(log.mta)/\(log.name).truth.tsv").dropFirst()
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(rows.count == lines.count)
        // At such a site a refusal without a reason is a list's.
        let isBare = log.name == "bare"
        var reader = LogReader(Set(MTA.allCases), SiteWords(unexplained: isBare ? .rbl : .other))
        // Lines with several addresses in the peer's place: of some the kernel is asked, the others name no process.
        var (asked, unasked) = (0, 0)
        var listed = (true: 0, found: 0)
        var accepted = (true: 0, found: 0)
        for (number, (line, row)) in zip(lines, rows).enumerated() {
            let truth = try Truth(row)
            var event = Event()
            var isEvent = reader.read(line.span, into: &event)
            func complain(_ what: String) {
                let text = String(decoding: line, as: UTF8.self)
                Issue.record(
                    "\(log.name).log:\(number + 1): \(what): \(describe(isEvent ? event : nil)), truly \(row): \(text)")
            }
            let named = isEvent ? event.candidates + (event.peer.map { [$0] } ?? []) : []
            let isRight = named.contains { $0.description == truth.peer }
            if !named.isEmpty, !isRight { complain("another's address") }
            if isEvent, !event.candidates.isEmpty {
                guard event.pid != nil else {
                    unasked += 1
                    continue
                }
                asked += 1
                isEvent = truth.peer.flatMap { IPAddress($0) }.map { event.settle(on: $0) } ?? false
            }
            if isEvent, event.mta.rawValue != log.mta { complain("another server's line") }

            let isRBL = isEvent && event.rejectionClass == .rbl && !event.isContinuation
            if truth.rejectionClass == "rbl" {
                listed.true += 1
                if isRBL && isRight { listed.found += 1 } else { complain("not found") }
                if isRBL, event.code?.description != truth.code { complain("another code") }
                if isRBL, let zone = event.zone, let real = truth.zone, zone != real { complain("another zone") }
            } else if isRBL, event.kind == .rejection {
                complain("no list's rejection")
            }
            if truth.rejectionClass == "accepted" {
                accepted.true += 1
                if isEvent && event.kind == .acceptance && isRight {
                    accepted.found += 1
                } else {
                    complain("not found")
                }
            }
        }
        print(
            "\(log.mta)/\(log.name): \(lines.count) lines; rejections by a list \(listed.found) of \(listed.true), "
                + "acceptances \(accepted.found) of \(accepted.true); the kernel asked \(asked) times, nobody to ask "
                + "about \(unasked) lines")
        #expect(listed.true > 0)
    }
}
