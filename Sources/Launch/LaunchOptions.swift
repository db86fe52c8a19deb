package import ArgumentParser
internal import Foundation
package import Settings

/// The flags that every server process has.
package struct LaunchOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file: lines of 'key = value'.")
    package var config: String?

    @Option(name: .long, help: "Set one configuration key, as key=value. May be repeated.")
    package var set: [String] = []

    @Flag(name: .long, help: "Print the configuration with the source of each value, and exit.")
    package var printConfig = false

    package init() {}

    /// Where the configuration comes from.
    package func reader() throws(SettingsError) -> SettingsReader {
        try SettingsReader(file: config, environment: ProcessInfo.processInfo.environment, flags: set)
    }
}

/// The version of all our programs.
package let rookeryVersion = "0.1.0"
