"""When a run sends its records. Run by ../records.test.ts on every Python that it finds."""

import unittest

from whiskers import run


class ClockTest(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.looks = 0
        self.sent_at = []
        self.addCleanup(setattr, run, "monotonic", run.monotonic)
        run.monotonic = self.look
        self.run_of_test = run.Run(1, 1)
        self.run_of_test.send = lambda kind, payload: self.sent_at.append(self.now)

    def look(self):
        self.looks += 1
        return self.now

    def give(self, count, seconds):
        for _ in range(count):
            self.now += seconds
            self.run_of_test.record({"object_type": "Network", "name": "internet"})

    def test_slow_records_are_sent_every_second(self):
        self.give(12, 0.25)
        self.assertEqual(self.sent_at, [1.0, 2.0, 3.0])

    def test_of_quick_records_few_look_at_the_clock(self):
        self.give(200, 0.00001)
        self.assertLess(self.looks, 20)
        self.assertEqual(self.sent_at, [])

    def test_records_that_become_slow_are_sent_soon(self):
        self.give(100, 0.00001)
        self.give(run.LOOK_MOST + 4, 1.0)
        self.assertGreaterEqual(len(self.sent_at), 4)
        self.assertLessEqual(self.sent_at[0], run.LOOK_MOST + 0.01)


if __name__ == "__main__":
    unittest.main()
