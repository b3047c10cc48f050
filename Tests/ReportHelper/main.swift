// Writes the pages and pictures of reports that are made up, for tests that look at them in a browser.
//
//     ReportHelper DIR        DIR/{week,waves,watched,hostile}.html, DIR/svg/*.svg; prints sizes and times

import Foundation
import Pictures
import Reports

guard CommandLine.arguments.count == 2 else { exit(64) }
let folder = URL(filePath: CommandLine.arguments[1])
let drawings = folder.appending(path: "svg")
try FileManager.default.createDirectory(at: drawings, withIntermediateDirectories: true)

let reports = [
    ("week", try Examples.week()), ("waves", try Examples.waves()), ("watched", try Examples.watched()),
    ("hostile", Examples.hostile()),
]
for (name, report) in reports {
    let clock = ContinuousClock()
    var page = ""
    let times = (0..<5).map { _ in clock.measure { page = Page.text(of: report, writer: "breakwater 0") } }
    try Data(page.utf8).write(to: folder.appending(path: name + ".html"))
    let milliseconds = times.map { String(format: "%.1f", Double($0.components.attoseconds) / 1e15) }
    print("\(name).html: \(page.utf8.count) bytes, made in \(milliseconds.joined(separator: " ")) ms")
    for file in PictureFile.all(of: report) {
        try Data(file.text.utf8).write(to: drawings.appending(path: "\(name)-\(file.name)"))
    }
}
