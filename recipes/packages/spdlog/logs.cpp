// Logs by levels, with a backtrace, into files that are rotated, and from four threads at once through a queue.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

static int count_lines(const std::string &path) {
    std::ifstream file(path);
    std::string line;
    int lines = 0;
    while (std::getline(file, line))
        lines++;
    return lines;
}

static void log_by_levels() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(std::cout, true);
    spdlog::logger first("first", sink);
    first.set_pattern("[%n] [%l] %v");
    first.set_level(spdlog::level::warn);
    first.info("dropped");
    first.warn("{} seen", 42);
    first.error("{}", "kept");
}

static int log_backtrace() {
    std::ostringstream text;
    spdlog::logger second("second", std::make_shared<spdlog::sinks::ostream_sink_st>(text));
    second.set_pattern("%v");
    second.enable_backtrace(2);
    for (int number = 0; number < 9; number++)
        second.debug("number {}", number);
    second.dump_backtrace();
    return (text.str().find("number 7\n") != std::string::npos) + (text.str().find("number 8\n") != std::string::npos) +
           (text.str().find("number 6\n") != std::string::npos);
}

int main() {
    log_by_levels();
    std::printf("backtrace: %d lines\n", log_backtrace());

    const std::filesystem::path folder = "/tmp/logs";
    auto third = spdlog::rotating_logger_mt("third", folder / "rotated.log", 1000, 2);
    for (int number = 0; number < 999; number++)
        third->info("number {:09}", number);
    spdlog::drop_all();
    int files = 0;
    for (const auto &each : std::filesystem::directory_iterator(folder))
        files += each.file_size() <= 1000;
    std::printf("rotated: %d files\n", files);

    auto fourth = spdlog::create_async<spdlog::sinks::basic_file_sink_mt>("fourth", "/tmp/threads.log");
    std::vector<std::thread> threads;
    for (int index = 0; index < 4; index++)
        threads.emplace_back([fourth, index] {
            for (int number = 0; number < 1000; number++)
                fourth->info("{} {}", index, number);
        });
    for (auto &each : threads)
        each.join();
    fourth.reset();
    spdlog::shutdown();
    std::printf("threads: %d lines\n", count_lines("/tmp/threads.log"));
}
