import Reports

/// The pictures of a report as SVG files, each of which stands alone.
package struct PictureFile {
    /// `slots.svg`; safe as the name of a file.
    package let name: String
    package let text: String

    /// In the order of the report; maps are numbered where a section has several.
    package static func all(of report: Report) -> [PictureFile] {
        var files: [PictureFile] = []
        var taken: Set<String> = []
        for section in report.sections {
            for (number, drawing) in drawings(section, report.offsetSeconds).enumerated() {
                let name = Markup.anchor(section.key) + (number == 0 ? "" : "-\(number + 1)")
                let free =
                    taken.contains(name) ? (2...).lazy.map { "\(name)--\($0)" }.first { !taken.contains($0) } : name
                guard let free, taken.insert(free).inserted else { continue }
                files.append(PictureFile(name: free + ".svg", text: drawing.file))
            }
        }
        return files
    }

    private static func drawings(_ section: Report.Section, _ offsetSeconds: Int) -> [Drawing] {
        switch section.picture {
        case .map(let world): MapDrawing.maps([world]).map { $0.drawing() }
        case .maps(let worlds): MapDrawing.maps(worlds).map { $0.drawing() }
        default: section.drawing(form: .wide, offsetSeconds: offsetSeconds).map { [$0] } ?? []
        }
    }
}
