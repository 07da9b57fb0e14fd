"""When a run sends its records. Run by ../records.test.ts on every Python that it finds."""

import unittest

from whiskers import run


CHEAP = 0.0000001
DEAR = 0.00002


class ClockTest(unittest.TestCase):
    def begin(self, look_seconds):
        self.now = 0.0
        self.looks = 0
        self.look_seconds = look_seconds
        self.sent_at = []
        self.addCleanup(setattr, run, "monotonic", run.monotonic)
        run.monotonic = self.look
        self.run_of_test = run.Run(1, 1)
        self.run_of_test.send = lambda kind, payload: self.sent_at.append(round(self.now, 2))

    def look(self):
        self.looks += 1
        self.now += self.look_seconds
        return self.now

    def give(self, count, seconds):
        for _ in range(count):
            self.now += seconds
            self.run_of_test.record({"object_type": "Network", "name": "internet"})

    def test_slow_records_are_sent_every_second(self):
        for look_seconds in (CHEAP, DEAR):
            self.begin(look_seconds)
            self.give(12, 0.25)
            self.assertEqual(self.sent_at, [1.0, 2.0, 3.0])

    def test_a_record_after_a_pause_is_sent_with_what_waited(self):
        self.begin(CHEAP)
        self.give(100, 0.00001)
        self.give(1, 1.0)
        self.assertEqual(self.sent_at, [1.0])

    def test_where_a_look_is_dear_few_of_quick_records_have_one(self):
        self.begin(DEAR)
        self.give(200, 0.00001)
        self.assertLess(self.looks, 30)
        self.assertEqual(self.sent_at, [])

    def test_where_a_look_is_dear_records_that_become_slow_are_sent_soon(self):
        self.begin(DEAR)
        self.give(100, 0.00001)
        self.give(run.LOOK_MOST + 4, 1.0)
        self.assertGreaterEqual(len(self.sent_at), 4)
        self.assertLessEqual(self.sent_at[0], run.LOOK_MOST + 0.1)


if __name__ == "__main__":
    unittest.main()
