package shop;

import java.security.SecureRandom;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A pair of dice. */
@SpringBootApplication
@RestController
public class Dice {
    private final SecureRandom random = new SecureRandom();

    /** Option `sides`, as APP_SIDES. */
    @Value("${APP_SIDES:6}")
    private int sides;

    public static void main(String[] args) {
        SpringApplication.run(Dice.class, args);
    }

    @GetMapping("/")
    public int[] roll() {
        return new int[] {random.nextInt(sides) + 1, random.nextInt(sides) + 1};
    }
}
