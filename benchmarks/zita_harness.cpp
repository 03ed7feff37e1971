/* zita-convolver at its best, for comparison: a signal through a matrix of filters, block by block and without latency.

   zita_harness BLOCK LONGEST PRIORITY INPUTS OUTPUTS TAPS FOLDER

   LONGEST partition in samples. In FOLDER: `input`, float32 (inputs, frames), whole blocks; `response`, float32
   (taps, inputs, outputs), where a pair of zeros is no filter at all. Written there: `output`, float32 (outputs,
   frames); `taken`, float64, seconds of each block. Printed: CPU seconds of all threads for the whole signal, in a
   pass of its own.

   With a PRIORITY above 0 threads are scheduled in real time, as under JACK: the one that gets the blocks at
   PRIORITY, those of longer partitions below it. Otherwise the latter interrupt the former. */

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <unistd.h>
#include <vector>
#include <zita-convolver.h>

using Samples = std::vector<float>;

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "zita_harness: %s\n", what);
    _exit(1); /* threads may be running */
}

static double now_s(clockid_t clock)
{
    timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static Samples load(const std::string &path)
{
    FILE *file = fopen(path.c_str(), "rb");
    require(file, "a file cannot be opened");
    fseek(file, 0, SEEK_END);
    Samples samples(ftell(file) / sizeof(float));
    rewind(file);
    require(fread(samples.data(), sizeof(float), samples.size(), file) == samples.size(), "a file cannot be read");
    fclose(file);
    return samples;
}

template <class T> static void save(const std::string &path, const std::vector<T> &values)
{
    FILE *file = fopen(path.c_str(), "wb");
    require(file && fwrite(values.data(), sizeof(T), values.size(), file) == values.size() && !fclose(file),
            "a file cannot be written");
}

struct Matrix {
    size_t inputs, outputs, taps;
    Samples response;

    bool has(size_t pair) const
    {
        for (size_t tap = 0; tap < taps; tap++)
            if (response[tap * inputs * outputs + pair])
                return true;
        return false;
    }

    void start(Convproc &convolver, int block, int longest, int priority)
    {
        size_t pairs = inputs * outputs, present = 0;
        for (size_t pair = 0; pair < pairs; pair++)
            present += has(pair);
        convolver.set_options(Convproc::OPT_FFTW_MEASURE | Convproc::OPT_VECTOR_MODE);
        int refused = convolver.configure(inputs, outputs, taps, block, block, longest, float(present) / pairs);
        require(!refused, "configure refuses");
        for (size_t pair = 0; pair < pairs; pair++)
            if (has(pair))
                refused |= convolver.impdata_create(pair / outputs, pair % outputs, pairs, &response[pair], 0, taps);
        require(!refused, "impdata_create refuses");
        int policy = priority ? SCHED_FIFO : SCHED_OTHER;
        require(!convolver.start_process(priority, policy), "start_process refuses");
        usleep(50000); /* its threads must have begun: what they are to do before is lost without a word */
        sched_param wanted = {};
        wanted.sched_priority = priority;
        require(!pthread_setschedparam(pthread_self(), policy, &wanted), "no right to be scheduled in real time");
    }
};

/* The signal, planar as the library takes and gives it. */
struct Signal {
    size_t inputs, outputs, frames;
    Samples x, y;

    void process(Convproc &convolver, size_t at, size_t block)
    {
        for (size_t in = 0; in < inputs; in++)
            memcpy(convolver.inpdata(in), &x[in * frames + at], block * sizeof(float));
        require(!convolver.process(true), "process was late, although it waits");
        for (size_t out = 0; out < outputs; out++)
            memcpy(&y[out * frames + at], convolver.outdata(out), block * sizeof(float));
    }
};

/* Zeros until all before is forgotten, and each partition begins where it began at first. */
static void settle(Convproc &convolver, const Matrix &matrix, size_t block, size_t longest)
{
    size_t round = std::max(block, longest), blocks = (matrix.taps / round + 3) * round / block;
    for (size_t i = 0; i < blocks; i++) {
        for (size_t in = 0; in < matrix.inputs; in++)
            memset(convolver.inpdata(in), 0, block * sizeof(float));
        convolver.process(true);
    }
}

int main(int count, char **arguments)
{
    require(count == 8, "BLOCK LONGEST PRIORITY INPUTS OUTPUTS TAPS FOLDER are wanted");
    size_t numbers[6];
    for (int i = 0; i < 6; i++)
        numbers[i] = atol(arguments[i + 1]);
    auto [block, longest, priority, inputs, outputs, taps] = numbers;
    std::string folder = std::string(arguments[7]) + "/";
    Matrix matrix = {inputs, outputs, taps, load(folder + "response")};
    require(matrix.response.size() == taps * inputs * outputs, "the response has another length");
    Signal signal = {inputs, outputs, 0, load(folder + "input"), {}};
    signal.frames = signal.x.size() / inputs;
    require(signal.frames % block == 0 && signal.frames * inputs == signal.x.size(), "the input must be whole blocks");
    signal.y.resize(signal.frames * outputs);

    Convproc convolver;
    matrix.start(convolver, block, longest, priority);
    std::vector<double> taken(signal.frames / block);
    settle(convolver, matrix, block, longest);
    for (size_t i = 0; i < taken.size(); i++) {
        double begin = now_s(CLOCK_MONOTONIC);
        signal.process(convolver, i * block, block);
        taken[i] = now_s(CLOCK_MONOTONIC) - begin;
    }
    settle(convolver, matrix, block, longest);
    double begin = now_s(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t at = 0; at < signal.frames; at += block)
        signal.process(convolver, at, block);
    printf("%.9f\n", now_s(CLOCK_PROCESS_CPUTIME_ID) - begin);

    convolver.stop_process();
    while (!convolver.check_stop())
        usleep(1000);
    save(folder + "output", signal.y);
    save(folder + "taken", taken);
}
