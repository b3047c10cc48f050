/// How a report's figures are written, whoever shows them: the rounding of printf, without libc.
package enum Figures {
    /// `79.18%`.
    package static func percent(_ share: Double) -> String { fixed(share * 100, places: 2) + "%" }

    /// What part `count` is of `total`, in per cent as LogWatch writes it.
    package static func percent(_ count: Int, of total: Int) -> String {
        total == 0 ? "0.00%" : fixed(Double(count) * 100 / Double(total), places: 2) + "%"
    }

    /// `x66.5`; below a tenth with two decimals, so that something is left.
    package static func factor(_ value: Double) -> String {
        guard value.isFinite else { return "new" }
        return "x" + fixed(value, places: value < 0.1 ? 2 : 1)
    }

    package static func number(_ value: Double) -> String { fixed(value, places: 1) }

    /// `1,204`: thousands as people read them.
    package static func grouped(_ value: Int) -> String {
        let digits = Array(String(value.magnitude).utf8)
        var text: [UInt8] = value < 0 ? [UInt8(ascii: "-")] : []
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(UInt8(ascii: ",")) }
            text.append(digit)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `391K`: as `iptables -v` writes packets and bytes (xtables_print_num), which rounds anew at each step: plain up to
    /// 99999, then in thousands up to 9999K, in millions up to 9999M, and so on to T.
    package static func short(_ value: Int) -> String {
        guard value > 99_999 else { return "\(value)" }
        var rest = value
        for unit in ["K", "M", "G"] {
            rest = rest / 1000 + (rest % 1000 >= 500 ? 1 : 0)
            if rest <= 9999 { return "\(rest)\(unit)" }
        }
        return "\(rest / 1000 + (rest % 1000 >= 500 ? 1 : 0))T"
    }

    /// Rounded to `places` decimals; a tie goes to the even digit, as printf has it for values that are one exactly.
    private static func fixed(_ value: Double, places: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "-" }
        let scale = places == 2 ? 100.0 : 10.0
        let scaled = abs(value) * scale
        // What the product's rounding lost: fused multiply-add computes it exactly.
        let lost = (-scaled).addingProduct(abs(value), scale)
        var whole = scaled.rounded(.down)
        let rest = (scaled - whole) + lost
        if rest > 0.5 || (rest == 0.5 && whole.truncatingRemainder(dividingBy: 2) == 1) { whole += 1 }
        let number = Int(whole)
        let unit = Int(scale)
        return (value < 0 && number > 0 ? "-" : "") + "\(number / unit)." + padded(number % unit, places)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
