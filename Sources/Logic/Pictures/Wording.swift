import Events
import Reports

/// Wording, dates and times as people read them, without a locale: `44,000`, `79.18%`, `x66.5`, `2011-02-24 19:12`.
enum Wording {
    static func grouped(_ value: Int) -> String {
        let digits = Array(String(value.magnitude).utf8)
        var text: [UInt8] = value < 0 ? [0x2d] : []
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(0x2c) }
            text.append(digit)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// With a sign, as differences have it.
    static func signed(_ value: Int) -> String {
        value > 0 ? "+" + grouped(value) : value < 0 ? "\u{2212}" + grouped(value).dropFirst() : "0"
    }

    /// `places` digits behind the point, and the whole part grouped.
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return value.isNaN ? "-" : value < 0 ? "-inf" : "inf" }
        let power = (0..<places).reduce(1) { power, _ in power * 10 }
        let scaled = Int((value.magnitude * Double(power)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let whole = grouped(scaled / power)
        return sign + (places == 0 ? whole : whole + "." + padded(scaled % power, places))
    }

    /// A place in a drawing: a tenth of a pixel.
    static func place(_ value: Double) -> String {
        let tenths = Int((max(-1e6, min(1e6, value)) * 10).rounded())
        let whole = tenths / 10
        let rest = abs(tenths % 10)
        let sign = tenths < 0 && whole == 0 ? "-" : ""
        return rest == 0 ? sign + String(whole) : "\(sign)\(whole).\(rest)"
    }

    // MARK: - Time

    static func date(_ time: CivilTime) -> String {
        "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))"
    }

    static func clock(_ time: CivilTime, seconds: Bool) -> String {
        padded(time.hour, 2) + ":" + padded(time.minute, 2) + (seconds ? ":" + padded(time.second, 2) : "")
    }

    /// `2011-02-24 19:12:52`; the seconds are left out when there are none.
    static func moment(_ instant: Instant, _ offsetSeconds: Int) -> String {
        let time = CivilTime(instant, offsetSeconds: offsetSeconds)
        return date(time) + " " + clock(time, seconds: time.second != 0)
    }

    /// `24 Feb`.
    static func day(_ time: CivilTime) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(time.day) \(months[(time.month + 11) % 12])"
    }

    /// `UTC+01:00`.
    static func zone(_ offsetSeconds: Int) -> String {
        if offsetSeconds == 0 { return "UTC" }
        let minutes = abs(offsetSeconds) / 60
        return "UTC" + (offsetSeconds < 0 ? "-" : "+") + padded(minutes / 60, 2) + ":" + padded(minutes % 60, 2)
    }
}

extension Report.Cell {
    /// What a person reads; dates are in the report's zone.
    func text(_ offsetSeconds: Int) -> String {
        switch self {
        case .none: ""
        case .text(let text): text
        case .count(let count): Wording.grouped(count)
        case .short(let count): Figures.short(count)
        case .estimate(let count): "~" + Wording.grouped(count)
        case .atLeast(let count): "\u{2265}" + Wording.grouped(count)
        case .share(let share): Wording.decimal(share * 100, 2) + "%"
        case .factor(let factor): "x" + Wording.decimal(factor, 1)
        case .number(let number): Wording.decimal(number, 1)
        case .span(let span): span.span
        case .time(let instant): Wording.moment(instant, offsetSeconds)
        case .country(let country): country.map { $0.name ?? $0.description } ?? "unlocated"
        }
    }

    /// By what it is sorted and how long its bar is; `nil` for words.
    var size: Double? {
        switch self {
        case .count(let count), .short(let count), .estimate(let count), .atLeast(let count): Double(count)
        case .share(let value), .factor(let value), .number(let value): value
        case .span(let span): span.inSeconds
        case .time(let instant): Double(instant.seconds)
        case .none, .text, .country: nil
        }
    }
}
