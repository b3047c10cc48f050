import Addresses
import Configuration
import ControlProtocol
import Events
import LocationData
import Origins
import Reports
import SettingsFiles
import Store

/// `export tsv --history` and `export jsonl --history`: what was counted for reports, a day of a host on each line, with
/// figures that can be read and all that `import --history` needs.
struct HistoryExport {
    let isJSON: Bool
    let common: CommonOptions

    func run() throws {
        let settings = try readSettings(common)
        // What the daemon counted in the last minutes is not on disk yet; without a daemon nothing is missing.
        if let client = try? common.connect() { _ = try? client.ask(.settle) }
        let found = try StateOwner.openHistory(StateDirectory(settings.stateDirectory), forWriting: false)
        do throws(StoreError) { try found?.freeze() } catch {
            throw Failure(error.isPermission ? ExitStatus.noPermission : 74, "the history cannot be read: \(error)")
        }
        guard let history = found else {
            throw Failure(ExitStatus.no, "no history: nothing has been counted yet")
        }
        let locations = Locations(settings)
        let origin: ((IPAddress) -> Origin?)? =
            locations.databases.isEmpty ? nil : { locations.databases.origin(of: $0) }
        var output = Output(common: common, form: isJSON ? "jsonl" : "tsv")
        if isJSON {
            let credits = locations.credits.map { JSON.string($0) }
            output.add(
                JSON.object([("schema", .string(HistoryLine.schema)), ("credits", .array(credits))]).description)
        } else {
            for line in HistoryLine.heading(credits: locations.credits) { output.add(line) }
        }
        var failure: Failure?
        var (days, parts) = (0, 0)
        do throws(StoreError) {
            for (number, host) in try history.dayNumbers() {
                let counts = try history.counts(ofDay: number, host: host)
                let day = HistoryDay(
                    day: number, host: host, counts: counts.map { ($0.key.span, $0.key.number, $0.bytes) })
                do throws(RollupError) {
                    output.add(try line(day, try day.summary(origin)))
                    days += 1
                } catch {
                    failure = Failure(
                        74, "the history of \(LocalDay.date(number)), host \(shown(host)), \(error): it is left out")
                    failure.map { Terminal.warn($0.text) }
                }
            }
            for part in try history.parts() {
                output.add(line(HistoryLine.Part(length: part.length, hash: part.hash, bytes: part.bytes)))
                parts += 1
            }
        } catch { throw Failure(74, "the history cannot be read: \(error)") }
        output.add(
            isJSON
                ? JSON.object([("end_days", JSON(days)), ("end_parts", JSON(parts))]).description
                : HistoryLine.text(days: days, parts: parts))
        output.end()
        if failure != nil { throw Failure(74, "") }
    }

    private func line(_ day: HistoryDay, _ summary: HistoryDay.Summary) throws(RollupError) -> String {
        guard isJSON else { return HistoryLine.text(day, summary) }
        func object(_ counts: [(name: String, count: Int)]) -> JSON {
            .object(counts.map { ($0.name, JSON($0.count)) })
        }
        let (date, data, check) = HistoryLine.fields(day)
        var fields: [(String, JSON)] = [("day", .string(date)), ("host", .string(day.host))]
        fields += summary.figures.map { ($0.key, JSON($0.count)) }
        if summary.isEstimate { fields.append(("sources_is", .string("estimate"))) }
        fields += [
            ("classes", object(summary.classes)), ("lists", object(summary.lists)),
            ("countries", object(summary.countries)), ("data", .string(data)), ("check", .string(check)),
        ]
        return JSON.object(fields).description
    }

    private func line(_ part: HistoryLine.Part) -> String {
        guard isJSON else { return HistoryLine.text(part) }
        return JSON.object([
            ("part_length", JSON(part.length)), ("part_hash", .string(HistoryLine.hexadecimal(part.hash))),
            ("part_start", .integer(part.bytes.lowerBound)), ("part_end", .integer(part.bytes.upperBound)),
        ]).description
    }

    /// Lines as they are, or one document of them.
    private struct Output {
        let common: CommonOptions
        let form: String
        private var listing: JSONListing?

        init(common: CommonOptions, form: String) {
            self.common = common
            self.form = form
            listing = common.json && !common.quiet ? JSONListing("export", "lines") : nil
        }

        mutating func add(_ line: String) {
            if listing == nil { common.say(line) } else { listing?.add(.string(line)) }
        }

        func end() { listing?.end([("form", .string(form))]) }
    }
}
