import MailServer
import Testing

@Suite struct CourierSettingsTests {
    @Test func `the file of a Debian host`() {
        let text = """
            ##NAME: TARPIT:1
            #  Set TARPIT to 0 to disable tarpitting
            TARPIT=1
            MAXDAEMONS=300   # was 40
            MAXPERC="50"
            MAXPERIP='5'
            PORT=smtp
            BLACKLISTS="'-block=zen.example,BLOCK,*' -block=cbl.example -block=x.example,BLOCK/127.0.0.2"
            MAXDAEMONS=200
            """
        let settings = CourierSettings(esmtpdFile: text)
        #expect(settings.maxDaemons == 200)
        #expect(settings.maxPerNetwork == 50)
        #expect(settings.maxPerAddress == 5)
        #expect(settings.isTarpitOn == true)
        #expect(settings.port == "smtp")
        #expect(
            settings.blocks == ["-block=zen.example,BLOCK,*", "-block=cbl.example", "-block=x.example,BLOCK/127.0.0.2"])
        #expect(settings.blocksThatCannotWork == ["-block=cbl.example", "-block=x.example,BLOCK/127.0.0.2"])
    }

    @Test func `what runs wins over what is written`() {
        let file = CourierSettings(esmtpdFile: "MAXDAEMONS=40\nTARPIT=0\n")
        let running = CourierSettings(arguments: ["couriertcpd", "-maxprocs=300", "-block=zen.example,BLOCK,*", "smtp"])
        let settings = CourierSettings(file: file, running: running)
        #expect(settings.maxDaemons == 300)
        #expect(settings.isTarpitOn == false)
        #expect(settings.blocksThatCannotWork.isEmpty)
    }

    @Test(arguments: ["", "=", "MAXDAEMONS", "MAXDAEMONS=", "MAXDAEMONS=many", "\0\u{2028}=\"", "BLACKLISTS=\"'"])
    func `odd files are harmless`(text: String) {
        #expect(CourierSettings(esmtpdFile: text).maxDaemons == nil)
    }

    @Test(arguments: [
        ("5m\n", 300), ("600", 600), ("1h 30m", 5400), ("2d1s\nrest", 172_801), ("w", 0), ("5x", 5), ("5m x 9", 300),
    ])
    func `the spans of control files`(text: String, seconds: Int) {
        #expect(CourierSettings.span(controlFile: text) == .seconds(seconds))
    }

    @Test(arguments: ["", "\n5m", "x", "99999999999999999999s"])
    func `a control file that says nothing`(text: String) {
        #expect(CourierSettings.span(controlFile: text) == nil)
    }
}
